/// A consistent hash over a bounded set of buckets with constant expected lookup time
/// (Mendelson, Vargaftik, Barabash, Lorenz, Keslassy and Orda, "AnchorHash: A Scalable Consistent
/// Hash", 2020). Names of arrays follow the paper.
///
/// Removing a bucket moves only its own keys, adding one moves keys only to it. The state depends
/// on the *order* of additions and removals, not only on the set of buckets.
public struct AnchorHash: Sendable {
  /// How a key is rehashed and mapped to a range.
  public enum Variant: UInt8, Sendable, Hashable {
    /// FNV-1a over the bucket number with a 32-bit range, as in the original program. Its FNV step
    /// spreads badly, which is why only the test vectors use it.
    case reference = 0
    /// A full-avalanche 64-bit finaliser (SplitMix64) with a 64-bit range.
    case production = 1
  }

  /// The largest number of buckets that may be configured.
  public static let maximumCapacity = 1 << 16

  public let variant: Variant
  /// The number of buckets that can work at once.
  public let capacity: Int
  /// The number of working buckets (N in the paper).
  public private(set) var count = 0

  /// A[b]: 0 while b works, else the number of working buckets just after b was removed.
  private var removedAt: [UInt32]
  /// K[b]: the bucket that took b's place in W when b was removed.
  private var successor: [UInt32]
  /// W: the working buckets, in the first N places.
  private var working: [UInt32]
  /// L[b]: the most recent place of b in W.
  private var location: [UInt32]
  /// The removed buckets; the last one is added next.
  private var removed: [UInt32]

  /// An empty anchor of `capacity` buckets. O(capacity).
  ///
  /// - Throws: `invalidCapacity` outside of 1 to ``maximumCapacity``.
  public init(capacity: Int, variant: Variant) throws(PlacementError) {
    guard (1...Self.maximumCapacity).contains(capacity) else {
      throw PlacementError(
        .invalidCapacity,
        "the capacity \(capacity) is outside of 1 to \(Self.maximumCapacity)")
    }
    let identity = (0..<UInt32(capacity)).map { $0 }
    self.variant = variant
    self.capacity = capacity
    (removedAt, successor, working, location) = (identity, identity, identity, identity)
    removed = identity.reversed()
  }

  /// Takes the bucket removed last, or the next unused one, into work. O(1).
  ///
  /// - Returns: its number, or nil when every bucket works.
  public mutating func add() -> Int? {
    guard let bucket = removed.popLast() else { return nil }
    let b = Int(bucket)
    removedAt[b] = 0
    location[Int(working[count])] = UInt32(count)
    working[Int(location[b])] = bucket
    successor[b] = bucket
    count += 1
    return b
  }

  /// Takes `bucket` out of work. O(1).
  ///
  /// - Returns: false when it was not working.
  @discardableResult
  public mutating func remove(_ bucket: Int) -> Bool {
    guard isWorking(bucket) else { return false }
    removed.append(UInt32(bucket))
    count -= 1
    removedAt[bucket] = UInt32(count)
    let last = working[count]
    working[Int(location[bucket])] = last
    successor[bucket] = last
    location[Int(last)] = location[bucket]
    return true
  }

  /// Whether `bucket` is in work. O(1).
  public func isWorking(_ bucket: Int) -> Bool {
    // While none works, bucket 0 has A = 0 too; the first addition takes it.
    count > 0 && removedAt.indices.contains(bucket) && removedAt[bucket] == 0
  }

  /// Finds the working bucket of a key.
  ///
  /// Expected O(1 + ln²(capacity / count)), allocation-free. It always ends: A of the bucket at
  /// hand falls with every turn of the outer loop, and along K within the inner one.
  ///
  /// - Parameter key: a hash of the key; the reference variant reads its low 32 bits.
  /// - Returns: nil when no bucket works.
  public func lookup(_ key: UInt64) -> Int? {
    guard count > 0 else { return nil }
    switch variant {
    case .reference: return search(key & 0xffff_ffff, Self.referenceRehash, Self.referenceRange)
    case .production: return search(key, Self.productionRehash, Self.productionRange)
    }
  }

  @inline(__always)
  private func search(
    _ key: UInt64, _ rehash: (UInt32, UInt64) -> UInt64, _ range: (UInt64, UInt32) -> UInt32
  ) -> Int {
    var bucket = range(key, UInt32(capacity))
    while true {
      let size = removedAt[Int(bucket)]
      if size == 0 { return Int(bucket) }
      var next = range(rehash(bucket, key), size)
      while removedAt[Int(next)] >= size { next = successor[Int(next)] }
      bucket = next
    }
  }

  @inline(__always)
  private static func referenceRehash(_ bucket: UInt32, _ key: UInt64) -> UInt64 {
    var state = key
    for shift: UInt32 in [0, 8, 16, 24] {
      state ^= UInt64((bucket &>> shift) & 0xff)
      state = state &* 0x100_0000_01b3
    }
    return state & 0xffff_ffff
  }

  @inline(__always)
  private static func referenceRange(_ value: UInt64, _ size: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: (value &* UInt64(size)) &>> 32)
  }

  /// SplitMix64's finaliser: every bit of key and bucket reaches every bit of the result.
  @inline(__always)
  private static func productionRehash(_ bucket: UInt32, _ key: UInt64) -> UInt64 {
    var z = key ^ ((UInt64(bucket) &+ 1) &* 0x9e37_79b9_7f4a_7c15)
    z = (z ^ (z &>> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z &>> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z &>> 31)
  }

  @inline(__always)
  private static func productionRange(_ value: UInt64, _ size: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: value.multipliedFullWidth(by: UInt64(size)).high)
  }
}
