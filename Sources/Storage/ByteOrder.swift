import Glibc

/// The order of keys: bytewise, unsigned, a prefix before what it begins.
public enum ByteOrder {
  /// Whether `a` comes before `b`. O(min of the lengths), allocation-free.
  public static func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    let order = a.withUnsafeBytes { a in
      b.withUnsafeBytes { b -> Int32 in
        guard let left = a.baseAddress, let right = b.baseAddress else { return 0 }
        return memcmp(left, right, min(a.count, b.count))
      }
    }
    return order == 0 ? a.count < b.count : order < 0
  }
}
