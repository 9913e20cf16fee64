/// Pairs of random keys and values that a seed and an index determine, so that none is kept.
struct RandomPairs {
  let seed: UInt64
  /// The longest value.
  let valueBytes: Int

  private static let letters = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  private static let keyLengths = 16...32

  func pair(_ index: Int) -> (key: [UInt8], value: [UInt8]) {
    var start = SplitMix64(seed: seed)
    var generator = SplitMix64(
      seed: start.next() ^ (UInt64(truncatingIfNeeded: index) &* 0xd134_2543_de82_ef95))
    let keyLength = Int.random(in: RandomPairs.keyLengths, using: &generator)
    let key = RandomPairs.text(keyLength, &generator)
    let valueLength = Int.random(in: 1...max(valueBytes, 1), using: &generator)
    return (key, RandomPairs.text(valueLength, &generator))
  }

  static func text(_ length: Int, _ generator: inout SplitMix64) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      var bits: UInt64 = 0
      for index in 0..<length {
        if index % 10 == 0 { bits = generator.next() }
        buffer.initializeElement(at: index, to: letters[Int(bits & 63)])
        bits >>= 6
      }
      count = length
    }
  }
}
