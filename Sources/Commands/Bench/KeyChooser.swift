/// Which key a request is for.
struct KeyChooser {
  enum Distribution: Equatable, Sendable {
    case uniform
    case zipf(exponent: Double)
    /// One after the other, and from the first again.
    case sequential
  }

  private enum Choice {
    case uniform
    case zipf(ZipfRanks, KeyScramble)
    case sequential(next: UInt64, step: UInt64)
  }

  private let keys: UInt64
  private var choice: Choice

  /// - Parameters:
  ///   - keys: how many there are, at least 1.
  ///   - share: of several choosers that go through the keys together, the how manieth this is.
  init(_ distribution: Distribution, keys: UInt64, share: (index: Int, count: Int) = (0, 1)) {
    self.keys = keys
    choice =
      switch distribution {
      case .uniform: .uniform
      case .zipf(let exponent):
        .zipf(ZipfRanks(count: keys, exponent: exponent), KeyScramble(count: keys))
      case .sequential:
        .sequential(next: UInt64(share.index) % keys, step: UInt64(share.count) % keys)
      }
  }

  /// A key's number, below `keys`.
  mutating func next(_ generator: inout SplitMix64) -> UInt64 {
    switch choice {
    case .uniform: return generator.below(keys)
    case .zipf(let ranks, let scramble): return scramble.key(ofRank: ranks.next(&generator) - 1)
    case .sequential(let next, let step):
      choice = .sequential(next: (next + step) % keys, step: step)
      return next
    }
  }
}

/// Spreads ranks over the keys, one for one, so that the hot keys are not neighbours: steps of
/// about the golden section of the count (Knuth, volume 3, section 6.4), coprime to it.
struct KeyScramble {
  private let count: UInt64
  private let step: UInt64

  /// - Parameter count: at least 1 and below 2^31.
  init(count: UInt64) {
    self.count = count
    var step = max(UInt64(Double(count) * 0.618_033_988_749_895), 1)
    while KeyScramble.commonDivisor(step, count) != 1 { step += 1 }
    self.step = step
  }

  /// - Parameter rank: counted from 0.
  func key(ofRank rank: UInt64) -> UInt64 { (rank &* step &+ count / 3) % count }

  private static func commonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}
