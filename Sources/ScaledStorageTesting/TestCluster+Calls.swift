public import Candid
public import Cluster
public import ScaledStorage

extension TestCluster {
  // MARK: - Calls

  /// Calls a method as a client does: at any node, following forward responses, and again when
  /// nothing was done and that may pass.
  ///
  /// - Parameters:
  ///   - method: the name that the service gives it.
  ///   - arguments: of the method's Candid types.
  ///   - output: the type of the result.
  /// - Returns: the result.
  /// - Throws: `CallError` with what the service says; `no_answer` when it is not known whether the
  ///   call was carried out, since its node ended or 30 s of virtual time passed.
  @discardableResult
  public func call<each Argument: CandidConvertible, Output: CandidConvertible>(
    _ method: String, _ arguments: repeat each Argument, as output: Output.Type
  ) throws(CallError) -> Output {
    try begin(method, repeat each arguments, as: output).result()
  }

  /// Calls a method that has no result.
  /// - Throws: as the call with a result.
  public func call<each Argument: CandidConvertible>(
    _ method: String, _ arguments: repeat each Argument
  ) throws(CallError) {
    try begin(method, repeat each arguments).result()
  }

  /// Calls a method that the service defines as a query.
  /// - Throws: as `call`; `not_a_query` for an update.
  public func query<each Argument: CandidConvertible, Output: CandidConvertible>(
    _ method: String, _ arguments: repeat each Argument, as output: Output.Type
  ) throws(CallError) -> Output {
    guard bed.isQuery(method) else {
      throw CallError(
        status: 400, code: "not_a_query", "the service defines no query \"\(method)\"")
    }
    return try call(method, repeat each arguments, as: output)
  }

  /// Calls a method at one node and does not follow its forward response.
  ///
  /// - Parameters:
  ///   - node: a member of the ring.
  ///   - method: the name that the service gives it.
  ///   - arguments: of the method's Candid types.
  ///   - output: the type of the result.
  /// - Returns: the result, or the id of the node to ask.
  /// - Throws: as `call`.
  public func ask<each Argument: CandidConvertible, Output: CandidConvertible>(
    _ node: Principal, _ method: String, _ arguments: repeat each Argument, as output: Output.Type
  ) throws(CallError) -> NodeResult<Output> {
    let message = try encoded(method, repeat each arguments)
    let request = bed.begin(method, message, at: node, followsForwards: false)
    switch try bed.outcome(of: request) {
    case .elsewhere(let owner): return .nodeID(owner)
    case .answered(let result, _): return .result(try decoded(method, result.body))
    }
  }

  // MARK: - Calls beside each other

  /// Sends a call and does not wait for it, so that others, or a change of the cluster, race it.
  ///
  /// ```swift
  /// let calls = try (0..<100).map { try cluster.begin("add_score", "ada", $0, as: Int.self) }
  /// try cluster.beginScaling(to: 5)
  /// for call in calls { _ = try call.result() }
  /// ```
  /// - Returns: the call, which goes on whenever virtual time passes.
  /// - Throws: `CallError` for arguments that cannot be written.
  public func begin<each Argument: CandidConvertible, Output: CandidConvertible>(
    _ method: String, _ arguments: repeat each Argument, as output: Output.Type
  ) throws(CallError) -> PendingCall<Output> {
    let message = try encoded(method, repeat each arguments)
    return PendingCall(bed, bed.begin(method, message, at: nil)) {
      body throws(CallError) in try decoded(method, body)
    }
  }

  /// Sends a call of a method without a result, and does not wait for it.
  /// - Throws: as the call with a result.
  public func begin<each Argument: CandidConvertible>(
    _ method: String, _ arguments: repeat each Argument
  ) throws(CallError) -> PendingCall<Void> {
    let message = try encoded(method, repeat each arguments)
    return PendingCall(bed, bed.begin(method, message, at: nil)) { _ throws(CallError) in }
  }
}

/// A call of a ``TestCluster`` that was sent and may not have its answer yet.
public final class PendingCall<Output> {
  private let bed: TestBed
  private let request: ClientRequest<CallResult>
  private let decode: (_ body: [UInt8]) throws(CallError) -> Output

  init(
    _ bed: TestBed, _ request: ClientRequest<CallResult>,
    decode: @escaping ([UInt8]) throws(CallError) -> Output
  ) {
    self.bed = bed
    self.request = request
    self.decode = decode
  }

  /// Whether the answer is there, or it is certain that there will be none.
  public var isDone: Bool { request.outcome != nil }

  /// The answer; virtual time passes until it is there.
  /// - Throws: as `call` of ``TestCluster``.
  @discardableResult
  public func result() throws(CallError) -> Output {
    guard case .answered(let result, _) = try bed.outcome(of: request) else {
      throw CallError.unreachable("the nodes disagree about who owns the key")
    }
    return try decode(result.body)
  }
}

private func encoded<each Argument: CandidConvertible>(
  _ method: String, _ arguments: repeat each Argument
) throws(CallError) -> [UInt8] {
  do throws(CandidError) {
    return try CandidArguments.encode(repeat each arguments)
  } catch {
    throw CallError.badArguments(
      "the arguments of \(method) cannot be written: \(error.description)")
  }
}

private func decoded<Output: CandidConvertible>(
  _ method: String, _ body: [UInt8]
) throws(CallError) -> Output {
  do throws(CandidError) {
    return try CandidArguments.decode(body, as: Output.self)
  } catch {
    throw CallError(
      status: 502, code: "bad_result",
      "what \(method) answered is no \(Output.self): \(error.description)")
  }
}
