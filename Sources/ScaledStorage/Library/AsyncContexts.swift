import WireProtocol
public import Candid
public import Cluster

/// How an asynchronous query, or a hook, reaches values: of any key, one after another.
///
/// Each access is by itself: between two of them others may change the values, and the keys may
/// move to other nodes.
public struct AsyncQueryContext<Value: Sendable>: Sendable {
  let setting: CallSetting
  let space: any KeySpace
  let form: ValueForm<Value>
  var progress = CallProgress()

  /// The request, as middleware left it.
  public var request: CallRequest { setting.request }
  /// Who calls, as middleware found out; anonymous when it did not.
  public var caller: Principal { setting.request.caller }
  /// The node that runs the method.
  public var node: Principal { setting.node }
  /// The node's clock when the call came: milliseconds since 1970.
  public var now: UInt64 { setting.now }

  /// Reads the value under a key.
  ///
  /// - Parameters:
  ///   - key: of any value.
  ///   - body: receives the value, nil when there is none; its result is returned.
  /// - Returns: `.nodeID` with the owner when the key lives at another node.
  /// - Throws: what `body` throws; `CallError` when the node cannot read it.
  public func withData<Result: Sendable>(
    _ key: some StorageKey, _ body: @escaping @Sendable (Value?) throws -> Result
  ) async throws -> NodeResult<Result> {
    switch try await entry(key) {
    case .nodeID(let owner): .nodeID(owner)
    case .result(let entry): .result(try body(entry?.value))
    }
  }

  /// The value under a key with its version; nil when there is none.
  ///
  /// - Throws: `CallError` when the node cannot read it.
  public func entry(_ key: some StorageKey) async throws -> NodeResult<StoredEntry<Value>?> {
    let reply = await space.run({ .get }, key: try validKey(key))
    switch reply {
    case .elsewhere(let owner, _): return .nodeID(owner)
    case .refused(let error): throw CallError(error)
    case .value(let record):
      guard let value = try form.value(of: record) else { return .result(nil) }
      return .result(
        StoredEntry(
          value: value, version: record.version.rawValue, expiresAt: record.expiresAt))
    default: return .result(nil)
    }
  }

  /// Calls a query at the node that a `NodeResult` named, as the caller of this method.
  ///
  /// - Parameters:
  ///   - node: a member of the ring.
  ///   - method: its name there.
  ///   - arguments: of the method's Candid types.
  ///   - headers: header fields for the middleware there, names in lower case, besides those of the
  ///     request that middleware reads.
  ///   - output: the type of the result.
  /// - Returns: its only result.
  /// - Throws: `CallError` with what the node said; `not_a_query` for an update; `unreachable` when
  ///   it did not answer; `too_many_hops` when nodes pass a call on more than four times.
  public func forwardRequest<each Argument: CandidConvertible, Output: CandidConvertible>(
    to node: Principal, method: String, arguments: repeat each Argument,
    headers: [(name: String, value: String)] = [], as output: Output.Type = Output.self
  ) async throws -> Output {
    guard space.isQuery(method) else {
      // Whoever asks a query may ask it again: it must not lead to a change.
      throw CallError(
        status: 500, code: "not_a_query", "a query called \(method), which is no query")
    }
    return try await call(method, at: node, headers, repeat each arguments)
  }

  func call<each Argument: CandidConvertible, Output: CandidConvertible>(
    _ method: String, at node: Principal, _ headers: [(name: String, value: String)],
    _ arguments: repeat each Argument
  ) async throws -> Output {
    let message: [UInt8]
    do throws(CandidError) {
      message = try CandidArguments.encode(repeat each arguments)
    } catch {
      throw CallError.badArguments(
        "the arguments of \(method) cannot be written: \(error.description)")
    }
    let answer = await withCheckedContinuation { continuation in
      space.call(method, message, at: node, as: request, headers: headers) {
        continuation.resume(returning: $0)
      }
    }
    // Only what is certain to have been refused changed nothing.
    if case .failure(let error) = answer,
      error.isRetryable || PartlyDone.repeatedCodes.contains(error.code)
    {
      // It may be tried again.
    } else if !space.isQuery(method) {
      progress.noteChange()
    }
    let results = try answer.get()
    do throws(CandidError) {
      return try CandidArguments.decode(results, as: Output.self)
    } catch {
      throw CallError(
        status: 502, code: "bad_result",
        "what \(method) answered is no \(Output.self): \(error.description)")
    }
  }

  func validKey(_ key: some StorageKey) throws(CallError) -> [UInt8] {
    do throws(Problem) {
      return try KeyedMethod.validKey(key)
    } catch {
      throw CallError(error)
    }
  }
}

/// How an asynchronous update, or a hook, reaches and changes values: of any key, one after
/// another.
///
/// Each change is atomic and durable by itself when its call returns; a method that throws later
/// does not undo it.
@dynamicMemberLookup
public struct AsyncUpdateContext<Value: Sendable>: Sendable {
  /// The same for reading.
  public let reading: AsyncQueryContext<Value>

  /// What ``reading`` tells of the call: its request, caller, node and time.
  public subscript<Member>(dynamicMember path: KeyPath<AsyncQueryContext<Value>, Member>) -> Member
  {
    reading[keyPath: path]
  }

  /// Reads the value under a key: ``AsyncQueryContext/withData(_:_:)``.
  public func withData<Result: Sendable>(
    _ key: some StorageKey, _ body: @escaping @Sendable (Value?) throws -> Result
  ) async throws -> NodeResult<Result> {
    try await reading.withData(key, body)
  }

  /// The value under a key with its version: ``AsyncQueryContext/entry(_:)``.
  public func entry(_ key: some StorageKey) async throws -> NodeResult<StoredEntry<Value>?> {
    try await reading.entry(key)
  }

  /// Calls a method at the node that a `NodeResult` named, as the caller of this method.
  ///
  /// - Parameters:
  ///   - node: a member of the ring.
  ///   - method: its name there.
  ///   - arguments: of the method's Candid types.
  ///   - headers: header fields for the middleware there, names in lower case, besides those of the
  ///     request that middleware reads. A hook has no request, and so none but these.
  ///   - output: the type of the result.
  /// - Returns: its only result.
  /// - Throws: `CallError` with what the node said; `unreachable` when it did not answer: whether
  ///   an update was carried out is then not known; `too_many_hops` when nodes pass a call on more
  ///   than four times.
  public func forwardRequest<each Argument: CandidConvertible, Output: CandidConvertible>(
    to node: Principal, method: String, arguments: repeat each Argument,
    headers: [(name: String, value: String)] = [], as output: Output.Type = Output.self
  ) async throws -> Output {
    try await reading.call(method, at: node, headers, repeat each arguments)
  }

  /// Changes the value under a key in place, or creates it; durable when this returns.
  ///
  /// - Parameters:
  ///   - key: of any value.
  ///   - default: the value to begin with when there is none.
  ///   - expiry: when the value expires; by default when it would have before.
  ///   - condition: when to act at all.
  ///   - body: receives the value to change, once; its result is returned.
  /// - Returns: `.nodeID` with the owner when the key lives at another node: nothing was done then.
  ///   Use `orForward()` for the method's own key, which may have moved meanwhile.
  /// - Throws: what `body` throws, and then the value stays as it was; `CallError`
  ///   `precondition_failed`, or why the node cannot store it.
  public func withUpsertData<Result: Sendable>(
    _ key: some StorageKey, default: @autoclosure @escaping @Sendable () -> Value,
    expiry: Expiry = .keep, if condition: UpsertCondition = .none,
    _ body: @escaping @Sendable (inout Value) throws -> Result
  ) async throws -> NodeResult<Result> {
    try await change(key, condition) { slot in
      try slot.change(default: `default`(), expiry, body)
    }
  }

  /// Changes the value under a key, creates it, or removes it; durable when this returns.
  ///
  /// - Parameters:
  ///   - key: of any value.
  ///   - expiry: when the value expires; by default when it would have before.
  ///   - condition: when to act at all.
  ///   - body: receives the value, nil when there is none, and leaves the one to be; nil removes
  ///     it. Called once.
  /// - Returns: as ``withUpsertData(_:default:expiry:if:_:)``.
  /// - Throws: as that.
  public func withUpsertData<Result: Sendable>(
    _ key: some StorageKey, expiry: Expiry = .keep, if condition: UpsertCondition = .none,
    _ body: @escaping @Sendable (inout Value?) throws -> Result
  ) async throws -> NodeResult<Result> {
    try await change(key, condition) { slot in try slot.change(expiry, body) }
  }

  private func change<Result: Sendable>(
    _ key: some StorageKey, _ condition: UpsertCondition,
    _ body: @escaping @Sendable (ValueSlot<Value>) throws -> Result
  ) async throws -> NodeResult<Result> {
    let key = try reading.validKey(key)
    let outcome = CommandOutcome<Result>()
    let (form, maximumBytes) = (reading.form, reading.setting.maximumValueBytes)
    let command: @Sendable () -> KeyCommand = {
      .apply(if: condition.ofCommand) { record in
        let slot = ValueSlot(key, record, form, maximumBytes: maximumBytes)
        do {
          let result = try body(slot)
          let change = try slot.outcome()
          outcome.result = .success(result)
          return change
        } catch {
          outcome.result = .failure(error)
          return .keep
        }
      }
    }
    switch await reading.space.run(command, key: key) {
    case .elsewhere(let owner, _): return .nodeID(owner)
    case .refused(let error):
      if error.code == .outcomeUnknown { reading.progress.noteChange() }
      throw CallError(error)
    case .preconditionFailed:
      throw CallError.preconditionFailed("the value is not as the condition says")
    default:
      guard let result = outcome.result else {
        throw CallError.unavailable("the node gave no answer that a change can have")
      }
      if case .success = result { reading.progress.noteChange() }
      return .result(try result.get())
    }
  }
}

/// What a command's closure made, carried from the node's loop to the task that waits for it.
private final class CommandOutcome<Value: Sendable>: @unchecked Sendable {
  // Unchecked: written before the command's completion is called, and read after that.
  var result: Result<Value, any Error>?
}

extension KeySpace {
  func run(
    _ command: @escaping @Sendable () -> KeyCommand, key: [UInt8]
  ) async -> KeyReply {
    await withCheckedContinuation { continuation in
      execute(command, key: key) { continuation.resume(returning: $0) }
    }
  }
}

/// A value with what the store knows of it.
public struct StoredEntry<Value: Sendable>: Sendable {
  /// The value, decoded.
  public let value: Value
  /// Each change raises it.
  public let version: UInt64
  /// Until when the value lives, in milliseconds since 1970; nil when it does not expire.
  public let expiresAt: UInt64?

  package init(value: Value, version: UInt64, expiresAt: UInt64?) {
    self.value = value
    self.version = version
    self.expiresAt = expiresAt
  }
}

/// When a write acts at all (RFC 9110 section 13.1).
public enum UpsertCondition: Hashable, Sendable {
  /// Always.
  case none
  /// There is a value.
  case exists
  /// There is none.
  case missing
  /// The value is at this version.
  case version(UInt64)

  package var ofCommand: KeyCommand.Condition {
    switch self {
    case .none: .none
    case .exists: .exists
    case .missing: .missing
    case .version(let version): .version(Version(version))
    }
  }
}
