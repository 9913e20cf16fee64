import Candid

/// A piece of input with a caret below the place of an error.
enum SourceExcerpt {
  /// Characters shown before and behind the place.
  private static let reach = 50

  /// The line with the byte at `offset`, with its number; of a long line the part around the place.
  static func text(_ source: [UInt8], at offset: Int) -> String {
    let place = min(max(offset, 0), source.count)
    let start = (source[..<place].lastIndex(of: 0x0a) ?? -1) + 1
    let end = source[place...].firstIndex(of: 0x0a) ?? source.count
    // A character has at most four bytes.
    let before = scalars(source[max(start, place - 4 * reach)..<place]).suffix(reach)
    let behind = scalars(source[place..<min(end, place + 4 * reach)]).prefix(reach)
    let isCut = source[start..<place].count { $0 & 0xc0 != 0x80 } > reach
    let lead = isCut ? "…" : ""
    return lines(
      label: String(TextPosition(of: place, in: source).line),
      lead + String(String.UnicodeScalarView(before + behind)),
      caret: String(repeating: " ", count: lead.unicodeScalars.count + before.count) + "^")
  }

  /// The bytes around the one at `offset`, in hexadecimal.
  static func hexadecimal(_ bytes: [UInt8], at offset: Int) -> String {
    let place = min(max(offset, 0), bytes.count)
    let start = max(0, place - reach / 2)
    let end = min(bytes.count, place + reach / 2)
    let lead = start > 0 ? "…" : ""
    let before = HexDigits.text(Array(bytes[start..<place]))
    return lines(
      label: "", lead + before + HexDigits.text(Array(bytes[place..<end])),
      caret: String(repeating: " ", count: lead.unicodeScalars.count + before.count) + "^^")
  }

  private static func lines(label: String, _ content: String, caret: String) -> String {
    let margin = String(repeating: " ", count: label.count)
    return " \(label) | \(content)\n \(margin) | \(caret)"
  }

  /// Characters without control over the terminal.
  private static func scalars(_ bytes: ArraySlice<UInt8>) -> [Unicode.Scalar] {
    String(decoding: bytes, as: UTF8.self).unicodeScalars.map { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: scalar == "\t" ? " " : "?"
      default: scalar
      }
    }
  }
}
