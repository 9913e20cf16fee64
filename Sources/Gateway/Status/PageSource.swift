/// Makes the page's style and script smaller: what is there for who reads the source goes, and
/// names stay, so that errors can still be read.
///
/// It knows what these two files need and no more: lines that are comments as a whole, double
/// quotes, and no other strings, no regular expressions.
struct PageSource {
  enum Language {
    case style, script
  }

  let language: Language

  /// The source without indentation, comments and needless space. O(size).
  func squeezed(_ source: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    for line in source.split(separator: UInt8(ascii: "\n")) {
      let line = line.drop { $0 == UInt8(ascii: " ") }
      guard !line.isEmpty, !line.starts(with: "//".utf8) else { continue }
      text += line
      text.append(UInt8(ascii: "\n"))
    }
    return withoutSpace(text)
  }

  private func withoutSpace(_ text: [UInt8]) -> [UInt8] {
    var squeezed: [UInt8] = []
    squeezed.reserveCapacity(text.count)
    var isQuoted = false
    for (index, byte) in text.enumerated() {
      let before = squeezed.last ?? UInt8(ascii: "\n")
      if byte == UInt8(ascii: "\""), before != UInt8(ascii: "\\") { isQuoted.toggle() }
      let after = index + 1 < text.count ? text[index + 1] : UInt8(ascii: "\n")
      let isNeedless =
        switch byte {
        case UInt8(ascii: " "): !separates(before, after)
        case UInt8(ascii: "\n"):
          "{;,".utf8.contains(before) || after == UInt8(ascii: "}")
            || language == .style && before == UInt8(ascii: "}")
        default: false
        }
      if isQuoted || !isNeedless { squeezed.append(byte) }
    }
    return squeezed
  }

  /// Whether a space between the two has a meaning.
  private func separates(_ before: UInt8, _ after: UInt8) -> Bool {
    switch language {
    case .style: !"{};:,".utf8.contains(before) && !"{}".utf8.contains(after)
    case .script:
      isWord(before) && isWord(after) || before == after && "+-".utf8.contains(before)
    }
  }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xFF:
      true
    default: false
    }
  }
}
