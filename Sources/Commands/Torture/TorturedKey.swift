import ClusterTestKit

/// One key of a run: what its clients asked and what came of it.
final class TorturedKey {
  enum Kind {
    /// Takes every kind of request.
    case register
    /// Only counts, by compare-and-set.
    case counter
  }

  let name: String
  let kind: Kind
  let bytes: [UInt8]
  private(set) var operations: [KeyOperation] = []
  /// The newest value that an answer showed, and its version.
  private(set) var known: (value: UInt64, version: UInt64)?
  /// The greatest version that an acknowledged write got.
  private(set) var greatestVersion: UInt64 = 0
  private(set) var acknowledgedIncrements: UInt64 = 0
  /// Increments that may or may not have been done.
  private(set) var uncertainIncrements: UInt64 = 0
  private(set) var hasExpired = false

  init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
    bytes = Array(name.utf8)
  }

  func add(_ operation: KeyOperation) {
    operations.append(operation)
    switch operation.outcome {
    case .value(let value, let version): learn(value, version)
    case .stored(let version, _):
      greatestVersion = max(greatestVersion, version)
      if case .put(let value, let ttl, _) = operation.command {
        learn(value, version)
        if ttl != nil { hasExpired = true }
        if kind == .counter { acknowledgedIncrements += 1 }
      }
    case .unknown:
      guard case .put(_, let ttl, _) = operation.command else { return }
      if ttl != nil { hasExpired = true }
      if kind == .counter { uncertainIncrements += 1 }
    case .missing, .deleted, .incremented, .preconditionFailed, .notDone: break
    }
  }

  private func learn(_ value: UInt64, _ version: UInt64) {
    if version >= known?.version ?? 0 { known = (value, version) }
  }

  /// What is stored for a number: it, and so much more that sizes differ and damage shows.
  static func body(of value: UInt64) -> [UInt8] {
    var generator = ClusterTestKit.SplitMix64(seed: value)
    // One in 32 is larger than a packet.
    let length = generator.below(32) == 0 ? generator.below(8_192) : generator.below(200)
    return Array("\(value) ".utf8)
      + (0..<length).map { _ in UInt8(ascii: "a") + UInt8(generator.below(26)) }
  }

  /// The number whose body this is; nil for bytes that nobody wrote.
  static func value(of body: [UInt8]) -> UInt64? {
    let digits = String(decoding: body.prefix { $0 != UInt8(ascii: " ") }.prefix(20), as: UTF8.self)
    guard let value = UInt64(digits), self.body(of: value) == body else { return nil }
    return value
  }
}
