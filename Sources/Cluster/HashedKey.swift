import Glibc

/// A key with its hash in the tables of one machine.
struct HashedKey {
  let bytes: UnsafeRawBufferPointer
  let hash: UInt64

  /// A keyed multiply-and-fold hash, as in wyhash (Wang Yi, 2019): a few nanoseconds for a usual
  /// key. Where keys belong is another hash's matter, which the whole cluster agrees on.
  init(_ bytes: UnsafeRawBufferPointer, seed: UInt64) {
    // Both factors depend on the seed, so that nobody can make one of them zero.
    let mask = HashedKey.second &+ (seed &>> 32 | seed &<< 32)
    var state = seed ^ HashedKey.first
    var rest = bytes
    while rest.count > 16 {
      state = HashedKey.fold(
        HashedKey.word(rest, 0) ^ mask, HashedKey.word(rest, 8) ^ state)
      rest = UnsafeRawBufferPointer(rebasing: rest[16...])
    }
    var low: UInt64 = 0
    var high: UInt64 = 0
    if rest.count >= 8 {
      low = HashedKey.word(rest, 0)
      high = HashedKey.word(rest, rest.count - 8)
    } else {
      for byte in rest { low = low << 8 | UInt64(byte) }
    }
    state = HashedKey.fold(low ^ mask, high ^ state)
    self.bytes = bytes
    hash = HashedKey.fold(state ^ UInt64(bytes.count), HashedKey.third)
  }

  init(_ bytes: UnsafeRawBufferPointer, hash: UInt64) {
    self.bytes = bytes
    self.hash = hash
  }

  // Any numbers without a pattern would do: these are the fractions of the square roots of 2, 3 and
  // 5.
  private static let first: UInt64 = 0x6a09_e667_f3bc_c909
  private static let second: UInt64 = 0xbb67_ae85_84ca_a73b
  private static let third: UInt64 = 0x3c6e_f372_fe94_f82b

  @inline(__always)
  private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  @inline(__always)
  private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  @inline(__always)
  func equals(_ other: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count == other.count else { return false }
    guard let left = bytes.baseAddress, let right = other.baseAddress else { return true }
    return memcmp(left, right, bytes.count) == 0
  }
}
