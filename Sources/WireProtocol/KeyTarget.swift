/// The key and parameters in the target of a `/kv/KEY` request.
package struct KeyTarget {
  package var key: [UInt8]
  package var ttl: Duration?

  package static let maximumKeyBytes = 1_024
  /// A century: longer than any expiry that is meant.
  private static let maximumTTLSeconds: Int64 = 3_155_760_000

  /// Reads the key behind `/kv/` and the query.
  /// - Throws: `Problem` 400 for a key that is empty, too long, or not percent-encoded UTF-8.
  package init(
    path: some Collection<UInt8>, query: some Collection<UInt8>
  ) throws(Problem) {
    key = try KeyTarget.decode(path)
    try KeyTarget.validate(key)
    for pair in query.split(separator: UInt8(ascii: "&")) {
      let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1)
      guard parts.first.map({ Array($0) }) == Array("ttl".utf8) else { continue }
      let text = parts.count == 2 ? String(decoding: parts[1], as: UTF8.self) : ""
      guard let seconds = Int64(text), (1...KeyTarget.maximumTTLSeconds).contains(seconds) else {
        throw Problem(
          400, "bad_ttl",
          "ttl must be a whole number of seconds from 1 to \(KeyTarget.maximumTTLSeconds)")
      }
      ttl = .seconds(seconds)
    }
  }

  /// - Throws: `Problem` 400 when the key is empty, longer than 1,024 bytes, or not UTF-8.
  package static func validate(_ key: [UInt8]) throws(Problem) {
    guard !key.isEmpty else {
      throw Problem(400, "bad_key", "the key is empty; a key has 1 to \(maximumKeyBytes) bytes")
    }
    guard key.count <= maximumKeyBytes else {
      throw Problem(
        400, "bad_key",
        "the key has \(key.count) bytes; a key has 1 to \(maximumKeyBytes) bytes")
    }
    guard String(validating: key, as: UTF8.self) != nil else {
      throw Problem(400, "bad_key", "the key is not UTF-8; percent-encode the bytes of UTF-8 text")
    }
  }

  /// Undoes percent-encoding (RFC 3986 section 2.1).
  private static func decode(_ path: some Collection<UInt8>) throws(Problem) -> [UInt8] {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(path.count)
    var index = path.startIndex
    while index != path.endIndex {
      let byte = path[index]
      path.formIndex(after: &index)
      guard byte == UInt8(ascii: "%") else {
        decoded.append(byte)
        continue
      }
      var value: UInt8 = 0
      for _ in 0..<2 {
        guard index != path.endIndex, let digit = hexDigit(path[index]) else {
          throw Problem(
            400, "bad_key", "the key has a % that no two hexadecimal digits follow; write %25")
        }
        value = value << 4 | digit
        path.formIndex(after: &index)
      }
      decoded.append(value)
    }
    return decoded
  }

  /// The value of a hexadecimal digit; nil for any other byte.
  package static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// The path of a key, percent-encoded.
  package static func path(of key: [UInt8]) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes = Array("/kv/".utf8)
    for byte in key {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        bytes.append(byte)
      default:
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
