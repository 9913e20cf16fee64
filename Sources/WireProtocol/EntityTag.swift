package import Cluster

/// A version as an entity tag (RFC 9110 section 8.8.3).
package enum EntityTag {
  package static func text(_ version: Version) -> String { "\"\(version.rawValue)\"" }

  package static func version(_ text: String) -> Version? {
    let text = text.trimmed
    guard text.count > 2, text.first == "\"", text.last == "\"" else { return nil }
    return UInt64(decimal: text.dropFirst().dropLast()).map { Version($0) }
  }

  /// Whether an `if-none-match` of a read names `tag`: `*`, or a list that has it by the weak
  /// comparison (RFC 9110 section 13.1.2).
  package static func list(_ header: String, has tag: String) -> Bool {
    if header.trimmed == "*" { return true }
    return header.split(separator: ",").contains { element in
      let element = element.trimmed
      return (element.hasPrefix("W/") ? String(element.dropFirst(2)) : element) == tag
    }
  }
}

extension UInt64 {
  /// A number written in decimal digits only: no sign, no spaces.
  package init?(decimal text: some StringProtocol) {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      return nil
    }
    self.init(text, radix: 10)
  }
}
