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

  @inline(__always)
  private static func swapHalves(_ lanes: Lanes) -> Lanes {
    (lanes &>> 32) | (lanes &<< 32)
  }

  @inline(__always)
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
  ///
  /// Written with shifts that are the same in all lanes, which every vector unit has. Byte i of the
  /// even lane comes from byte [3, 12, 2, 5, 14, 1, 15, 0] of the pair, of the odd lane from
  /// [11, 4, 10, 13, 9, 6, 8, 7].
  @inline(__always)
  private static func zipperMerge(_ lanes: Lanes) -> Lanes {
    let other = Lanes(lanes[1], lanes[0], lanes[3], lanes[2])
    let byte0And1 = ((lanes & all(0xff00_0000)) | (other & all(0xff_0000_0000))) &>> 24
    let byte3And4 =
      ((lanes & all(0xff00_0000_0000)) | (other & pairs(0xff_0000_0000_0000, 0))) &>> 16
    let byte2 = lanes & all(0xff_0000)
    let byte5Or6 = (other & pairs(0xff00_0000_0000_0000, 0xff_0000_0000_0000)) &>> 8
    // Bytes 1 and 0 go to 4 and 6 of the odd lane, one place higher in the even one.
    let low = ((lanes & all(0xff)) &<< 48) | ((lanes & all(0xff00)) &<< 24)
    let lowMoved = ((low &<< 8) & pairs(.max, 0)) | (low & pairs(0, .max))
    let byte7 = other & pairs(0, 0xff00_0000_0000_0000)
    return (byte0And1 | byte3And4) | (byte2 | byte5Or6) | (lowMoved | byte7)
  }

  @inline(__always)
  private static func all(_ mask: UInt64) -> Lanes { Lanes(repeating: mask) }

  @inline(__always)
  private static func pairs(_ even: UInt64, _ odd: UInt64) -> Lanes {
    Lanes(even, odd, even, odd)
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
      update(Self.swapHalves(Lanes(lowHalf: v0.highHalf, highHalf: v0.lowHalf)))
    }
    return v0[0] &+ v1[0] &+ mul0[0] &+ mul1[0]
  }
}
