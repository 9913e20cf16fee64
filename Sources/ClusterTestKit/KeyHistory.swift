import Cluster

/// What the answers so far allow to be under one key, whose requests come one after another.
///
/// A request whose answer was lost leaves two possibilities; a later answer decides between them.
/// What no possibility explains is a broken promise.
struct KeyHistory {
  struct Possibility: Hashable {
    /// nil: there is no value.
    var value: [UInt8]?
    /// Unknown for a write whose answer was lost.
    var version: Version?
    /// The wall-clock times, in milliseconds, between which the value expires.
    var expiry: ClosedRange<UInt64>?

    static let missing = Possibility()

    /// Whether a request that ran from `start` may have seen the value.
    func mayBeLive(since start: UInt64) -> Bool {
      guard value != nil else { return false }
      return expiry.map { start < $0.upperBound } ?? true
    }

    /// Whether a request that was answered at `end` may have seen no value.
    func mayBeMissing(until end: UInt64) -> Bool {
      guard value != nil else { return true }
      return expiry.map { $0.lowerBound <= end } ?? false
    }

    func mayHave(_ version: Version) -> Bool {
      self.version == nil || self.version == version
    }
  }

  private(set) var possible: Set<Possibility> = [.missing]
  /// What writes whose commit failed may still bring, until a later write is answered.
  private var late: Set<Possibility> = []

  /// The version that a careful client would name in `if-match`.
  var knownVersion: Version? {
    let versions = possible.compactMap(\.version)
    return possible.count == 1 && late.isEmpty ? versions.first : nil
  }

  /// The times, in milliseconds, at which a request was sent and answered.
  typealias Span = ClosedRange<UInt64>

  /// Takes the answer to a request. Returns what is wrong with it, or nil.
  mutating func answered(_ reply: KeyReply, to request: Request, in span: Span) -> String? {
    let before = possible.union(late)
    possible = request.outcomes(of: reply, among: before, in: span)
    if !possible.isEmpty {
      if case .get = request {} else { late = [] }
      return nil
    }
    possible = before
    return "the answer \(reply) to \(request) is explained by none of \(before)"
  }

  /// The answer to a request was lost.
  mutating func lost(_ request: Request, in span: Span) {
    if let effect = request.effect(version: nil, in: span) { possible.insert(effect) }
  }

  /// The commit of a request failed, and may be kept or not.
  mutating func doubted(_ request: Request, in span: Span) {
    if let effect = request.effect(version: nil, in: span) { late.insert(effect) }
  }

  /// A request, reduced to what its answers imply.
  enum Request {
    case get
    case put(value: [UInt8], ttl: UInt64?, KeyCommand.Condition)
    case delete(KeyCommand.Condition)

    var command: KeyCommand {
      switch self {
      case .get: .get
      case .put(let value, let ttl, let condition):
        .put(value: value, ttl: ttl.map { .milliseconds(Int64($0)) }, condition: condition)
      case .delete(let condition): .delete(condition: condition)
      }
    }

    var name: String {
      switch self {
      case .get: "get"
      case .put: "put"
      case .delete: "delete"
      }
    }

    /// What a successful write leaves; nil for a read.
    func effect(version: Version?, in span: Span) -> Possibility? {
      switch self {
      case .get: return nil
      case .delete: return .missing
      case .put(let value, let ttl, _):
        return Possibility(
          value: value, version: version,
          expiry: ttl.map { span.lowerBound + $0...span.upperBound + $0 })
      }
    }

    /// The possibilities that remain after `reply`.
    func outcomes(
      of reply: KeyReply, among before: Set<Possibility>, in span: Span
    ) -> Set<Possibility> {
      let live = before.filter { $0.mayBeLive(since: span.lowerBound) }
      let isMissing = before.contains { $0.mayBeMissing(until: span.upperBound) }
      switch (self, reply) {
      case (.get, .value(let record)):
        let seen = live.filter { $0.value == record.value && $0.mayHave(record.version) }
        return Set(seen.map { $0.seen(record.version) })
      case (.get, .missing), (.delete(.none), .missing):
        return isMissing ? [.missing] : []
      case (.put(_, _, let condition), .stored(let version, let created)):
        let isPossible =
          created
          ? isMissing && condition != .exists && !condition.namesVersion
          : condition != .missing && live.contains { condition.allows($0) }
        return isPossible ? Set([effect(version: version, in: span)].compactMap { $0 }) : []
      case (.delete(let condition), .deleted):
        let isPossible = condition != .missing && live.contains { condition.allows($0) }
        return isPossible ? [.missing] : []
      case (.put(_, _, let condition), .preconditionFailed(let current)),
        (.delete(let condition), .preconditionFailed(let current)):
        guard let current else {
          return isMissing && condition != .none && condition != .missing ? [.missing] : []
        }
        guard condition != .none, condition != .exists, condition != .version(current) else {
          return []
        }
        return Set(live.filter { $0.mayHave(current) }.map { $0.seen(current) })
      case (.delete(.missing), .missing):
        return isMissing ? [.missing] : []
      default:
        return []
      }
    }
  }
}

extension KeyHistory.Possibility {
  fileprivate func seen(_ version: Version) -> KeyHistory.Possibility {
    var seen = self
    seen.version = version
    return seen
  }
}

extension KeyCommand.Condition {
  fileprivate var namesVersion: Bool {
    if case .version = self { true } else { false }
  }

  fileprivate func allows(_ possibility: KeyHistory.Possibility) -> Bool {
    if case .version(let version) = self { possibility.mayHave(version) } else { true }
  }
}
