/// HighwayHash-64: a keyed pseudo-random function (Alakuijala, Cox and Wassenberg,
/// "Fast keyed hash/pseudo-random function using SIMD multiply and permute", 2016).
///
/// The state lives in registers and on the stack: hashing allocates nothing.
public enum HighwayHash {
  /// The 64-bit hash of `bytes` under `key`. O(count).
  public static func hash(_ bytes: UnsafeRawBufferPointer, key: HashKey) -> UInt64 {
    var state = HighwayState(key: key)
    var offset = 0
    while offset &+ 32 <= bytes.count {
      state.low.update(load(bytes, offset), load(bytes, offset &+ 8))
      state.high.update(load(bytes, offset &+ 16), load(bytes, offset &+ 24))
      offset &+= 32
    }
    if offset < bytes.count {
      state.updateRemainder(UnsafeRawBufferPointer(rebasing: bytes[offset...]))
    }
    return state.finish()
  }

  /// The 64-bit hash of `bytes` under `key`. O(count).
  public static func hash(_ bytes: [UInt8], key: HashKey) -> UInt64 {
    bytes.withUnsafeBytes { hash($0, key: key) }
  }

  /// The 64-bit hash of `bytes` under `key`. O(count).
  public static func hash(_ bytes: Span<UInt8>, key: HashKey) -> UInt64 {
    bytes.withUnsafeBytes { hash($0, key: key) }
  }

  @inline(__always)
  private static func load(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}

/// The four lanes of the four state vectors, by pairs of lanes: only ``finish()`` mixes the pairs,
/// and the eight words of one fit the registers of a processor.
private struct HighwayState {
  var low: LanePair
  var high: LanePair

  @inline(__always)
  init(key: HashKey) {
    low = LanePair(
      key.lane0, key.lane1, (0xdbe6_d5d5_fe4c_ce2f, 0xa409_3822_299f_31d0),
      (0x3bd3_9e10_cb0e_f593, 0xc0ac_f169_b5f1_8a8c))
    high = LanePair(
      key.lane2, key.lane3, (0x1319_8a2e_0370_7344, 0x243f_6a88_85a3_08d3),
      (0xbe54_66cf_34e9_0c6c, 0x4528_21e6_38d0_1377))
  }

  /// Absorbs the last 1 to 31 bytes, padded so that the length counts too.
  @inline(__always)
  mutating func updateRemainder(_ bytes: UnsafeRawBufferPointer) {
    let count = bytes.count
    let wholeWords = count & ~3
    let tail = count & 3
    low.absorb(length: UInt64(count))
    high.absorb(length: UInt64(count))
    var packet: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    withUnsafeMutableBytes(of: &packet) { packet in
      packet.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<wholeWords]))
      if count & 16 != 0 {
        // The last four bytes, overlapping those already copied.
        for index in 0..<4 { packet[28 &+ index] = bytes[count &- 4 &+ index] }
      } else if tail != 0 {
        packet[16] = bytes[wholeWords]
        packet[17] = bytes[wholeWords &+ (tail &>> 1)]
        packet[18] = bytes[count &- 1]
      }
    }
    low.update(UInt64(littleEndian: packet.0), UInt64(littleEndian: packet.1))
    high.update(UInt64(littleEndian: packet.2), UInt64(littleEndian: packet.3))
  }

  @inline(__always)
  mutating func finish() -> UInt64 {
    for _ in 0..<4 {
      let (even, odd) = (low.v0Even, low.v0Odd)
      low.update(LanePair.swapHalves(high.v0Even), LanePair.swapHalves(high.v0Odd))
      high.update(LanePair.swapHalves(even), LanePair.swapHalves(odd))
    }
    return low.v0Even &+ low.v1Even &+ low.mul0Even &+ low.mul1Even
  }
}

private struct LanePair {
  var v0Even, v0Odd, v1Even, v1Odd, mul0Even, mul0Odd, mul1Even, mul1Odd: UInt64

  @inline(__always)
  init(
    _ keyEven: UInt64, _ keyOdd: UInt64, _ mul0: (UInt64, UInt64), _ mul1: (UInt64, UInt64)
  ) {
    (mul0Even, mul0Odd) = mul0
    (mul1Even, mul1Odd) = mul1
    (v0Even, v0Odd) = (mul0.0 ^ keyEven, mul0.1 ^ keyOdd)
    (v1Even, v1Odd) = (mul1.0 ^ Self.swapHalves(keyEven), mul1.1 ^ Self.swapHalves(keyOdd))
  }

  @inline(__always)
  mutating func update(_ even: UInt64, _ odd: UInt64) {
    v1Even = v1Even &+ mul0Even &+ even
    v1Odd = v1Odd &+ mul0Odd &+ odd
    mul0Even ^= (v1Even & 0xffff_ffff) &* (v0Even &>> 32)
    mul0Odd ^= (v1Odd & 0xffff_ffff) &* (v0Odd &>> 32)
    v0Even = v0Even &+ mul1Even
    v0Odd = v0Odd &+ mul1Odd
    mul1Even ^= (v0Even & 0xffff_ffff) &* (v1Even &>> 32)
    mul1Odd ^= (v0Odd & 0xffff_ffff) &* (v1Odd &>> 32)
    v0Even = v0Even &+ Self.zipEven(v1Even, v1Odd)
    v0Odd = v0Odd &+ Self.zipOdd(v1Even, v1Odd)
    v1Even = v1Even &+ Self.zipEven(v0Even, v0Odd)
    v1Odd = v1Odd &+ Self.zipOdd(v0Even, v0Odd)
  }

  // The zipper merge shuffles the 16 bytes of a pair so that the well-mixed middle bytes of the
  // products feed the poorly mixed outer ones (section 3.2 of the paper). Bytes of the even lane
  // come from [3, 12, 2, 5, 14, 1, 15, 0] of the pair, of the odd one from [11, 4, 10, 13, 9, 6, 8,
  // 7].

  @inline(__always)
  private static func zipEven(_ even: UInt64, _ odd: UInt64) -> UInt64 {
    let first = ((even & 0xff00_0000) | (odd & 0xff_0000_0000)) &>> 24
    let second = ((even & 0xff00_0000_0000) | (odd & 0xff_0000_0000_0000)) &>> 16
    let third = (even & 0xff_0000) | ((even & 0xff00) &<< 32)
    let fourth = ((odd & 0xff00_0000_0000_0000) &>> 8) | (even &<< 56)
    return (first | second) | (third | fourth)
  }

  @inline(__always)
  private static func zipOdd(_ even: UInt64, _ odd: UInt64) -> UInt64 {
    let first = ((odd & 0xff00_0000) | (even & 0xff_0000_0000)) &>> 24
    let second = (odd & 0xff_0000) | ((odd & 0xff00_0000_0000) &>> 16)
    let third = ((odd & 0xff00) &<< 24) | ((even & 0xff_0000_0000_0000) &>> 8)
    let fourth = ((odd & 0xff) &<< 48) | (even & 0xff00_0000_0000_0000)
    return (first | second) | (third | fourth)
  }

  /// Mixes the length of the last packet, 1 to 31, into both lanes.
  @inline(__always)
  mutating func absorb(length: UInt64) {
    let twice = (length &<< 32) &+ length
    v0Even = v0Even &+ twice
    v0Odd = v0Odd &+ twice
    v1Even = Self.rotateHalves(v1Even, by: length)
    v1Odd = Self.rotateHalves(v1Odd, by: length)
  }

  /// Rotates both 32-bit halves left by `count`, which is 1 to 31.
  @inline(__always)
  private static func rotateHalves(_ lane: UInt64, by count: UInt64) -> UInt64 {
    let low = lane & 0xffff_ffff
    let high = lane &>> 32
    let newLow = ((low &<< count) | (low &>> (32 &- count))) & 0xffff_ffff
    let newHigh = (high &<< count) | (high &>> (32 &- count))
    return newLow | (newHigh &<< 32)
  }

  @inline(__always)
  static func swapHalves(_ lane: UInt64) -> UInt64 {
    (lane &>> 32) | (lane &<< 32)
  }
}
