import ArgumentParser

/// The instances of `--nodes`: `HOST:PORT,HOST:PORT`, where a part of a host or a port may be a
/// range of numbers: `node-{0..7}.nodes:8081`.
struct InstanceNames: Hashable, LosslessStringConvertible, ExpressibleByArgument {
  let names: [String]

  static let most = 1_024

  /// Nil when the text is no such list, or names none, one twice, or more than ``most``.
  init?(_ text: String) {
    var names: [String] = []
    for part in text.split(separator: ",") {
      guard let expanded = InstanceNames.expand(part.filter { $0 != " " }) else { return nil }
      names += expanded
    }
    guard (1...InstanceNames.most).contains(names.count), Set(names).count == names.count,
      names.allSatisfy(InstanceNames.isAddress)
    else { return nil }
    self.names = names
  }

  var description: String { names.joined(separator: ",") }

  /// One name for each number of the range, or the text itself when it has none.
  private static func expand(_ text: String) -> [String]? {
    guard let open = text.firstIndex(of: "{") else { return [text] }
    guard let close = text[open...].firstIndex(of: "}") else { return nil }
    let bounds = text[text.index(after: open)..<close].split(
      separator: "..", omittingEmptySubsequences: false)
    guard bounds.count == 2, let first = UInt16(bounds[0]), let last = UInt16(bounds[1]),
      first <= last, Int(last - first) < most
    else { return nil }
    let rest = text[text.index(after: close)...]
    guard !rest.contains("{"), !rest.contains("}") else { return nil }
    return (first...last).map { text[..<open] + String($0) + rest }
  }

  private static func isAddress(_ name: String) -> Bool {
    guard let colon = name.lastIndex(of: ":"), colon > name.startIndex,
      let port = UInt16(name[name.index(after: colon)...])
    else { return false }
    return port > 0 && !name.contains("/") && !name.contains("@")
  }
}
