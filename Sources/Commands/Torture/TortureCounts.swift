import ClusterTestKit

/// How many requests of each kind came to what.
struct TortureCounts: Encodable {
  struct Count: Encodable {
    var answered: UInt64 = 0
    var notDone: UInt64 = 0
    var unknown: UInt64 = 0
    var broken: UInt64 = 0
  }

  private(set) var byKind: [String: Count] = [:]

  /// - Parameter outcome: nil for an answer that cannot be.
  mutating func add(_ command: KeyOperation.Command, _ outcome: KeyOperation.Outcome?) {
    let kind = TortureCounts.name(command)
    switch outcome {
    case nil: byKind[kind, default: Count()].broken += 1
    case .notDone: byKind[kind, default: Count()].notDone += 1
    case .unknown: byKind[kind, default: Count()].unknown += 1
    default: byKind[kind, default: Count()].answered += 1
    }
  }

  private static func name(_ command: KeyOperation.Command) -> String {
    switch command {
    case .get: "get"
    case .increment: "increment"
    case .put(_, let ttl, let condition):
      (ttl == nil ? "put" : "put_ttl") + (condition == .none ? "" : "_conditional")
    case .delete(let condition): "delete" + (condition == .none ? "" : "_conditional")
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(byKind)
  }

  var answered: UInt64 { sum(\.answered) }

  func sum(_ figure: KeyPath<Count, UInt64>) -> UInt64 {
    byKind.values.reduce(0) { $0 + $1[keyPath: figure] }
  }

  var text: String {
    byKind.sorted { $0.key < $1.key }.map { kind, count in
      "  \(kind): \(Figures.grouped(count.answered)) answered, "
        + "\(Figures.grouped(count.notDone)) not done, \(Figures.grouped(count.unknown)) unknown"
        + (count.broken > 0 ? ", \(count.broken) BROKEN" : "") + "\n"
    }.joined()
  }
}
