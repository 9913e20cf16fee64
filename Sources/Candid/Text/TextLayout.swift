/// Breaks text on one line into lines of at most 80 bytes where its groups allow it.
struct TextLayout {
  private static let width = 80
  /// Deeper groups are not indented further: nesting must not multiply the size of the text.
  private static let deepest = 40
  private let flat: [UInt8]
  private var result: [UInt8] = []
  private var column = 0

  static func lines(_ flat: [UInt8], _ groups: [TextPrinter.Group]) -> [UInt8] {
    var layout = TextLayout(flat: flat)
    layout.copy(0..<flat.count, groups[...], indentation: 0, trailing: 0)
    return layout.result
  }

  private init(flat: [UInt8]) { self.flat = flat }

  private mutating func copy(
    _ range: Range<Int>, _ groups: ArraySlice<TextPrinter.Group>, indentation: Int, trailing: Int
  ) {
    var position = range.lowerBound
    let broken = groups.first { $0.isBroken }
    for group in groups {
      append(flat[position..<group.start])
      var rest = range.upperBound - group.end + trailing
      if let broken, broken.start >= group.end { rest = broken.opened - group.end }
      let fits = column + group.end - group.start + rest <= Self.width && !group.isBroken
      if fits || group.items.isEmpty {
        append(flat[group.start..<group.end])
      } else {
        split(group, indentation: indentation)
      }
      position = group.end
    }
    append(flat[position..<range.upperBound])
  }

  private mutating func split(_ group: TextPrinter.Group, indentation: Int) {
    append(flat[group.start..<group.opened])
    let trailing = group.separator == nil ? 0 : 1
    let inside = min(indentation + 2, Self.deepest)
    var inner = group.inner[...]
    for item in group.items {
      newLine(inside)
      let count = inner.prefix { $0.start < item.upperBound }.count
      copy(item, inner.prefix(count), indentation: inside, trailing: trailing)
      inner = inner.dropFirst(count)
      if let separator = group.separator { append([separator]) }
    }
    newLine(indentation)
    append(flat[group.closing..<group.end])
  }

  private mutating func newLine(_ indentation: Int) {
    result.append(0x0a)
    result.append(contentsOf: repeatElement(0x20, count: indentation))
    column = indentation
  }

  private mutating func append(_ bytes: some Collection<UInt8>) {
    result.append(contentsOf: bytes)
    column += bytes.count
  }
}
