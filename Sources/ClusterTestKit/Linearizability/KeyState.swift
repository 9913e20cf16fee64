/// What one key can hold: the sequential object that histories are held against.
struct KeyState: Hashable {
  /// nil: there is no value.
  var value: UInt64?
  /// nil as long as no answer has told it.
  var version: UInt64?
  /// The greatest version that a write up to here is known to have got: later ones exceed it.
  var floor: UInt64 = 0
  /// Between which times, in microseconds, the value expires; none that stays.
  var expiresAfter: UInt64 = .max
  var expiresBefore: UInt64 = .max

  static let missing = KeyState()

  /// Whether `shown` may be the version of the value here; if so, what is known then.
  fileprivate func at(version shown: UInt64) -> KeyState? {
    if let version { return version == shown ? self : nil }
    guard shown > floor else { return nil }
    var next = self
    next.version = shown
    next.floor = shown
    return next
  }

  /// The state without the value, deleted at a version that may be unknown.
  fileprivate func removed(at version: UInt64?) -> KeyState {
    KeyState(floor: max(floor, version ?? 0))
  }
}

/// How an operation changes a key, for every way in which it may have gone.
struct KeyModel {
  /// By how much, in microseconds, the clocks that judge expiry may differ. At 0 a value that was
  /// seen to be expired stays so.
  var clockUncertainty: UInt64 = 0

  /// Calls `next` with each state that `operation` may leave behind `state`, none when its outcome
  /// cannot be.
  func apply(_ operation: KeyOperation, to state: KeyState, _ next: (KeyState) -> Void) {
    let end = operation.outcome == .unknown ? UInt64.max : operation.returned
    if state.value != nil, operation.invoked < state.expiresBefore {
      applyToLive(operation, state, next)
    }
    guard state.value == nil || end >= state.expiresAfter else { return }
    if state.value == nil {
      applyToMissing(operation, state, state, next)
    } else {
      let gone = state.removed(at: nil)
      applyToMissing(operation, gone, clockUncertainty == 0 ? gone : state, next)
    }
  }

  private func applyToLive(
    _ operation: KeyOperation, _ state: KeyState, _ next: (KeyState) -> Void
  ) {
    switch (operation.command, operation.outcome) {
    case (.get, .value(let value, let version)):
      guard value == state.value, let seen = state.at(version: version) else { return }
      next(seen)
    case (.put(let value, let ttl, let condition), .stored(let version, let created)):
      guard created != true, let state = allowed(condition, state), version > state.floor else {
        return
      }
      next(stored(value, ttl: ttl, version: version, by: operation, over: state))
    case (.put(let value, let ttl, let condition), .unknown):
      guard let state = allowed(condition, state) else { return }
      next(stored(value, ttl: ttl, version: nil, by: operation, over: state))
    case (.delete(let condition), .deleted(let version)):
      guard let state = allowed(condition, state), version.map({ $0 > state.floor }) ?? true else {
        return
      }
      next(state.removed(at: version))
    case (.delete(let condition), .unknown):
      guard let state = allowed(condition, state) else { return }
      next(state.removed(at: nil))
    case (.put(_, _, let condition), .preconditionFailed(let current?)),
      (.delete(let condition), .preconditionFailed(let current?)):
      guard refuses(condition, at: current), let seen = state.at(version: current) else { return }
      next(seen)
    case (.increment, .incremented(let version, let value)):
      count(operation, state, from: state.value ?? 0, version: version, shown: value, next)
    case (.increment, .unknown):
      count(operation, state, from: state.value ?? 0, version: nil, shown: nil, next)
    default:
      break
    }
  }

  /// - Parameters:
  ///   - state: without a value.
  ///   - unchanged: what stays when nothing is written.
  private func applyToMissing(
    _ operation: KeyOperation, _ state: KeyState, _ unchanged: KeyState, _ next: (KeyState) -> Void
  ) {
    switch (operation.command, operation.outcome) {
    case (.get, .missing), (.delete(.none), .missing), (.delete(.missing), .missing):
      next(unchanged)
    case (.put(let value, let ttl, let condition), .stored(let version, let created)):
      guard created != false, condition == .none || condition == .missing, version > state.floor
      else { return }
      next(stored(value, ttl: ttl, version: version, by: operation, over: state))
    case (.put(let value, let ttl, let condition), .unknown):
      guard condition == .none || condition == .missing else { return }
      next(stored(value, ttl: ttl, version: nil, by: operation, over: state))
    case (.put(_, _, let condition), .preconditionFailed(nil)),
      (.delete(let condition), .preconditionFailed(nil)):
      guard condition != .none, condition != .missing else { return }
      next(unchanged)
    case (.increment, .incremented(let version, let value)):
      count(operation, state, from: 0, version: version, shown: value, next)
    case (.increment, .unknown):
      count(operation, state, from: 0, version: nil, shown: nil, next)
    default:
      break
    }
  }

  private func stored(
    _ value: UInt64, ttl: UInt64?, version: UInt64?, by operation: KeyOperation,
    over state: KeyState
  ) -> KeyState {
    var next = KeyState(value: value, version: version, floor: max(state.floor, version ?? 0))
    if let ttl {
      let life = ttl &* 1_000
      let earliest = operation.invoked - operation.invoked % 1_000 &+ life
      next.expiresAfter = earliest - min(earliest, clockUncertainty)
      next.expiresBefore =
        operation.outcome == .unknown ? .max : operation.returned &+ life &+ clockUncertainty
    }
    return next
  }

  private func count(
    _ operation: KeyOperation, _ state: KeyState, from value: UInt64, version: UInt64?,
    shown: UInt64?, _ next: (KeyState) -> Void
  ) {
    guard shown == nil || shown == value &+ 1, version.map({ $0 > state.floor }) ?? true else {
      return
    }
    next(stored(value &+ 1, ttl: nil, version: version, by: operation, over: state))
  }

  /// What is known of a live value on which a request acted; nil when its condition refuses.
  private func allowed(_ condition: KeyOperation.Condition, _ state: KeyState) -> KeyState? {
    switch condition {
    case .none, .exists: state
    case .missing: nil
    case .version(let version): state.at(version: version)
    }
  }

  private func refuses(_ condition: KeyOperation.Condition, at version: UInt64) -> Bool {
    switch condition {
    case .none, .exists: false
    case .missing: true
    case .version(let named): named != version
    }
  }
}
