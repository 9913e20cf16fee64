/// The 256-bit secret that keys ``HighwayHash``, drawn once for each cluster.
///
/// A secret key keeps an outsider from choosing keys that all fall on one node.
public struct HashKey: Sendable, Hashable {
  /// Four 64-bit lanes, the first from the first eight bytes, little-endian.
  public let lane0, lane1, lane2, lane3: UInt64

  public init(_ lane0: UInt64, _ lane1: UInt64, _ lane2: UInt64, _ lane3: UInt64) {
    (self.lane0, self.lane1, self.lane2, self.lane3) = (lane0, lane1, lane2, lane3)
  }

  /// The key that the published test vectors of the original placement use. Not a secret.
  public static let zero = HashKey(0, 0, 0, 0)

  /// Reads a key from its 32 bytes.
  ///
  /// - Throws: `invalidHashKey` when there are not exactly 32 bytes.
  public init(bytes: [UInt8]) throws(PlacementError) {
    guard bytes.count == 32 else {
      throw PlacementError(
        .invalidHashKey, "a hash key has 32 bytes, not \(bytes.count)")
    }
    func lane(_ index: Int) -> UInt64 {
      var value: UInt64 = 0
      for byte in 0..<8 { value |= UInt64(bytes[index * 8 + byte]) << UInt64(byte * 8) }
      return value
    }
    self.init(lane(0), lane(1), lane(2), lane(3))
  }

  /// The 32 bytes that ``init(bytes:)`` reads.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32)
    for lane in [lane0, lane1, lane2, lane3] { lane.appendLittleEndian(to: &bytes) }
    return bytes
  }

  /// Draws a key from the kernel's random source (`getrandom(2)`, behind the standard library).
  public static func random() -> HashKey {
    var source = SystemRandomNumberGenerator()
    return HashKey(source.next(), source.next(), source.next(), source.next())
  }
}

extension FixedWidthInteger {
  func appendLittleEndian(to bytes: inout [UInt8]) {
    var value = self
    for _ in 0..<(Self.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: value))
      value >>= 8
    }
  }
}
