public import Candid
public import Cluster

/// What every method knows of its call.
public class CallContext {
  /// The request, as middleware left it.
  public let request: CallRequest
  /// The node that runs the method.
  public let node: Principal
  /// The node's clock when the call came: milliseconds since 1970. In tests it is the manual one.
  public let now: UInt64

  init(_ setting: CallSetting) {
    request = setting.request
    node = setting.node
    now = setting.now
  }

  /// Who calls, as middleware found out; anonymous when it did not.
  public var caller: Principal { request.caller }
}

/// How a synchronous query reaches the value of its key, the method's first argument.
///
/// It belongs to its call: do not keep it, nor use it in another task.
public class QueryContext<Value: Sendable>: CallContext {
  let slot: ValueSlot<Value>

  init(_ setting: CallSetting, _ slot: ValueSlot<Value>) {
    self.slot = slot
    super.init(setting)
  }

  /// Reads the value under the method's key.
  ///
  /// - Parameters:
  ///   - key: the method's first argument.
  ///   - body: receives the value, nil when there is none; its result is returned.
  /// - Returns: always `.result`: the method runs where its key lives.
  /// - Throws: what `body` throws; `CallError` `other_key` for another key, and `bad_value` when
  ///   what is stored is no `Value`.
  public func withData<Result>(
    _ key: some StorageKey, _ body: (Value?) throws -> Result
  ) throws -> NodeResult<Result> {
    try slot.check(key)
    return .result(try body(try slot.value))
  }

  /// The version of the value, which each change raises; nil when there is none. It is the `etag`
  /// of the answer.
  public var version: UInt64? { slot.record?.version.rawValue }

  /// Until when the value lives, in milliseconds since 1970; nil when it does not expire, or there
  /// is none.
  public var expiresAt: UInt64? { slot.record?.expiresAt }
}

/// How a synchronous update changes the value of its key.
///
/// The method runs once, at the owner of the key, and nothing else changes the value meanwhile.
/// What it made of the value is durable before the call is answered; when it throws, nothing is
/// changed.
public final class UpdateContext<Value: Sendable>: QueryContext<Value> {
  /// Changes the value under the method's key in place, or creates it.
  ///
  /// - Parameters:
  ///   - key: the method's first argument.
  ///   - default: the value to begin with when there is none.
  ///   - expiry: when the value expires; by default when it would have before.
  ///   - body: receives the value to change; its result is returned.
  /// - Returns: always `.result`.
  /// - Throws: what `body` throws, and then the value stays as it was; `CallError` `other_key` and
  ///   `bad_value` as ``QueryContext/withData(_:_:)``.
  @discardableResult
  public func withUpsertData<Result>(
    _ key: some StorageKey, default: @autoclosure () -> Value, expiry: Expiry = .keep,
    _ body: (inout Value) throws -> Result
  ) throws -> NodeResult<Result> {
    try slot.check(key)
    return .result(try slot.change(default: `default`(), expiry, body))
  }

  /// Changes the value under the method's key, creates it, or removes it.
  ///
  /// - Parameters:
  ///   - key: the method's first argument.
  ///   - expiry: when the value expires; by default when it would have before.
  ///   - body: receives the value, nil when there is none, and leaves the one to be; nil removes
  ///     it.
  /// - Returns: always `.result`.
  /// - Throws: as ``withUpsertData(_:default:expiry:_:)``.
  @discardableResult
  public func withUpsertData<Result>(
    _ key: some StorageKey, expiry: Expiry = .keep, _ body: (inout Value?) throws -> Result
  ) throws -> NodeResult<Result> {
    try slot.check(key)
    return .result(try slot.change(expiry, body))
  }
}

/// When a changed value expires.
public enum Expiry: Hashable, Sendable {
  /// When the value before it would have; a new value never does.
  case keep
  /// The value stays until it is removed.
  case never
  /// This long from now, to the millisecond; at least one.
  case after(Duration)

  package var ofCommand: KeyCommand.Expiry {
    switch self {
    case .keep: .keep
    case .never: .never
    case .after(let duration): .after(duration)
    }
  }
}

extension NodeResult {
  /// The result; when the key lives at another node, the call is forwarded there.
  ///
  /// - Throws: what makes the node answer the call with a forward response, or fetch the answer,
  ///   as the request asks. Let it pass.
  public func orForward() throws -> Result {
    switch self {
    case .result(let result): return result
    case .nodeID(let node): throw ForwardRequired(node: node)
    }
  }
}

/// Thrown through a method whose call belongs to another node.
package struct ForwardRequired: Error {
  package let node: Principal
}
