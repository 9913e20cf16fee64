/// HighwayHash-64: a keyed pseudo-random function (Alakuijala, Cox and Wassenberg,
/// "Fast keyed hash/pseudo-random function using SIMD multiply and permute", 2016).
///
/// The state lives in registers and on the stack: hashing allocates nothing.
public struct HighwayHash: Sendable {
  // Four lanes of each of the four state vectors.
  private var v0: Lanes
  private var v1: Lanes
  private var mul0: Lanes
  private var mul1: Lanes

  private typealias Lanes = SIMD4<UInt64>

  private init(key: HashKey) {
    mul0 = Lanes(
      0xdbe6_d5d5_fe4c_ce2f, 0xa409_3822_299f_31d0, 0x1319_8a2e_0370_7344, 0x243f_6a88_85a3_08d3)
    mul1 = Lanes(
      0x3bd3_9e10_cb0e_f593, 0xc0ac_f169_b5f1_8a8c, 0xbe54_66cf_34e9_0c6c, 0x4528_21e6_38d0_1377)
    let lanes = Lanes(key.lane0, key.lane1, key.lane2, key.lane3)
    v0 = mul0 ^ lanes
    v1 = mul1 ^ Self.swapHalves(lanes)
  }

  /// The 64-bit hash of `bytes` under `key`. O(count).
  public static func hash(_ bytes: UnsafeRawBufferPointer, key: HashKey) -> UInt64 {
    var state = HighwayHash(key: key)
    var offset = 0
    while offset &+ 32 <= bytes.count {
      state.update(
        Lanes(
          load(bytes, offset), load(bytes, offset &+ 8), load(bytes, offset &+ 16),
          load(bytes, offset &+ 24)))
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

  private static func load(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  private static func swapHalves(_ lanes: Lanes) -> Lanes {
    (lanes &>> 32) | (lanes &<< 32)
  }

  private mutating func update(_ packet: Lanes) {
    let low = Lanes(repeating: 0xffff_ffff)
    v1 = v1 &+ mul0 &+ packet
    mul0 ^= (v1 & low) &* (v0 &>> 32)
    v0 = v0 &+ mul1
    mul1 ^= (v0 & low) &* (v1 &>> 32)
    v0 = v0 &+ Self.zipperMerge(v1)
    v1 = v1 &+ Self.zipperMerge(v0)
  }

  /// Shuffles the bytes of each pair of lanes so that the well-mixed middle bytes of the products
  /// feed the poorly mixed outer ones (section 3.2 of the paper).
  @inline(__always)
  private static func zipperMerge(_ lanes: Lanes) -> Lanes {
    let (a, b) = zipperMergePair(lanes[0], lanes[1])
    let (c, d) = zipperMergePair(lanes[2], lanes[3])
    return Lanes(a, b, c, d)
  }

  @inline(__always)
  private static func zipperMergePair(_ even: UInt64, _ odd: UInt64) -> (UInt64, UInt64) {
    let first0 = ((even & 0xff00_0000) | (odd & 0xff_0000_0000)) &>> 24
    let first1 = ((even & 0xff00_0000_0000) | (odd & 0xff_0000_0000_0000)) &>> 16
    let first2 = (even & 0xff_0000) | ((even & 0xff00) &<< 32)
    let first3 = ((odd & 0xff00_0000_0000_0000) &>> 8) | (even &<< 56)
    let second0 = ((odd & 0xff00_0000) | (even & 0xff_0000_0000)) &>> 24
    let second1 = (odd & 0xff_0000) | ((odd & 0xff00_0000_0000) &>> 16)
    let second2 = ((odd & 0xff00) &<< 24) | ((even & 0xff_0000_0000_0000) &>> 8)
    let second3 = ((odd & 0xff) &<< 48) | (even & 0xff00_0000_0000_0000)
    return (first0 | first1 | first2 | first3, second0 | second1 | second2 | second3)
  }

  /// Absorbs the last 1 to 31 bytes, padded so that the length counts too.
  private mutating func updateRemainder(_ bytes: UnsafeRawBufferPointer) {
    let count = bytes.count
    let wholeWords = count & ~3
    let tail = count & 3
    v0 = v0 &+ Lanes(repeating: (UInt64(count) &<< 32) &+ UInt64(count))
    v1 = Self.rotateHalves(v1, by: UInt64(count))
    var packet: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    withUnsafeMutableBytes(of: &packet) { packet in
      for index in 0..<wholeWords { packet[index] = bytes[index] }
      if count & 16 != 0 {
        // The last four bytes, overlapping those already copied.
        for index in 0..<4 { packet[28 &+ index] = bytes[count &- 4 &+ index] }
      } else if tail != 0 {
        packet[16] = bytes[wholeWords]
        packet[17] = bytes[wholeWords &+ (tail &>> 1)]
        packet[18] = bytes[count &- 1]
      }
    }
    update(
      Lanes(
        UInt64(littleEndian: packet.0), UInt64(littleEndian: packet.1),
        UInt64(littleEndian: packet.2), UInt64(littleEndian: packet.3)))
  }

  /// Rotates both 32-bit halves of each lane left by `count`, which is 1 to 31.
  private static func rotateHalves(_ lanes: Lanes, by count: UInt64) -> Lanes {
    let halves = unsafeBitCast(lanes, to: SIMD8<UInt32>.self)
    let left = SIMD8<UInt32>(repeating: UInt32(truncatingIfNeeded: count))
    let right = SIMD8<UInt32>(repeating: UInt32(truncatingIfNeeded: 32 &- count))
    return unsafeBitCast((halves &<< left) | (halves &>> right), to: Lanes.self)
  }

  private mutating func finish() -> UInt64 {
    for _ in 0..<4 {
      update(Self.swapHalves(Lanes(v0[2], v0[3], v0[0], v0[1])))
    }
    return v0[0] &+ v1[0] &+ mul0[0] &+ mul1[0]
  }
}
