package import Candid
package import Cluster
package import HTTPTransport
package import WireProtocol

/// A call of a method that changes the cluster, by someone who may do that.
package struct ControlCall {
  /// The arguments, as they were sent.
  private let body: [UInt8]
  private let given: Representation
  /// How results are written.
  private let representation: Representation
  private let name: String
  private let origin: AuditLog.Origin
  private let audit: AuditLog

  /// - Parameters:
  ///   - role: what the caller must have.
  ///   - expandedBytes: the most bytes that a compressed body may stand for.
  /// - Throws: `Problem` as `AccessControl.admit`, 405, 406 and 415 for other faults, 400 and 413
  ///   for a body that cannot be expanded.
  package init(
    _ name: String, _ exchange: Exchange, _ access: AccessControl, as role: Role,
    expandedBytes: Int = 0
  ) throws(Problem) {
    let identity = try access.admit(exchange, as: role, to: name)
    self.name = name
    origin = AuditLog.Origin(identity.caller, exchange)
    audit = access.audit
    guard exchange.method == .post else {
      throw .methodNotAllowed(
        allow: "POST", "call \(name) by POST, with its arguments in the body")
    }
    given = try Representation.ofRequest(contentType: exchange.header("content-type"))
    representation = try Representation.ofAnswer(
      accept: exchange.header("accept"), fallback: given)
    body = try ContentCoding.body(of: exchange, limit: expandedBytes)
  }

  /// Notes in the audit log what became of the call.
  package func note<Value>(_ detail: String, _ result: Result<Value, Problem>) {
    switch result {
    case .success: audit.note(name, by: origin, detail)
    case .failure(let problem):
      audit.note(name, by: origin, detail, outcome: "failed: \(problem.code)")
    }
  }

  /// Notes what became of a module that came with its last chunk, and of any chunk that failed.
  package func note(chunk args: WasmInitArgs, _ result: Result<Void, Problem>) {
    if args.position != 2, case .success = result { return }
    let digest = args.sha256.map { " " + SHA256.hexadecimal(Array($0.prefix(32))) } ?? ""
    note("module" + digest, result)
  }

  /// The only argument.
  /// - Throws: `Problem` 400 when it cannot be read.
  package func argument<Argument: CandidConvertible>(
    as type: Argument.Type = Argument.self
  ) throws(Problem) -> Argument {
    try given.arguments(body, as: type)
  }

  /// - Throws: `Problem` 400 for arguments, of which there are none.
  package func noArguments() throws(Problem) {
    if !body.isEmpty { try given.arguments(body) }
  }

  /// The answer with the only result.
  package func answer<Value: CandidConvertible>(_ result: Result<Value, Problem>) -> Answer {
    answer { () throws(Problem) in try representation.body(try result.get()) }
  }

  /// The answer of a method without results.
  package func answer(_ result: Result<Void, Problem>) -> Answer {
    answer { () throws(Problem) in
      try result.get()
      return try representation.body()
    }
  }

  private func answer(_ body: () throws(Problem) -> [UInt8]) -> Answer {
    do throws(Problem) {
      return Answer(status: 200, representation, body: try body())
    } catch {
      return Answer(error, as: representation)
    }
  }
}
