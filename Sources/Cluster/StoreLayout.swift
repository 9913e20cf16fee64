/// How a node's keys lie in its store: one byte tells the kind, so that each kind can be scanned.
package enum StoreLayout {
  private static let meta: UInt8 = 0x6d  // m
  /// Ahead of a user's key.
  static let data: UInt8 = 0x64  // d
  private static let extra: UInt8 = 0x65  // e
  private static let expiry: UInt8 = 0x78  // x

  // The state that makes a node the node it is.
  static let identity = name("identity")
  static let map = name("map")
  package static let handover = name("handover")
  package static let checkpoint = name("checkpoint")
  static let purge = name("purge")
  static let statistics = name("statistics")
  static let probe = name("probe")
  package static let versionReserve = name("version")

  package static let dataRange = (from: [data], upTo: [data + 1])

  package static func dataKey(_ key: [UInt8]) -> [UInt8] { prefixed(data, key) }

  /// Entries sort by the time at which they expire.
  package static func expiryKey(_ key: [UInt8], at time: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(9 + key.count)
    bytes.append(expiry)
    bytes.appendBigEndian(time)
    bytes.append(contentsOf: key)
    return bytes
  }

  /// The range of what expires at `time` or before.
  package static func expiryRange(through time: UInt64) -> (from: [UInt8], upTo: [UInt8]) {
    ([expiry], expiryKey([], at: time &+ 1))
  }

  /// The key behind an entry of the expiry index, and its time.
  static func expiryEntry(_ stored: [UInt8]) -> (time: UInt64, key: [UInt8])? {
    guard stored.count > 9, stored[0] == expiry else { return nil }
    return (stored.bigEndian(at: 1), Array(stored[9...]))
  }

  /// The user's key behind a stored data key.
  package static func userKey(_ stored: [UInt8]) -> [UInt8] { Array(stored.dropFirst()) }

  /// State of the layers above.
  static func extraKey(_ name: String) -> [UInt8] { prefixed(extra, Array(name.utf8)) }

  private static func name(_ text: StaticString) -> [UInt8] {
    text.withUTF8Buffer { prefixed(meta, Array($0)) }
  }

  private static func prefixed(_ kind: UInt8, _ key: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(key.count + 1)
    bytes.append(kind)
    bytes.append(contentsOf: key)
    return bytes
  }
}
