/// A table for people: columns aligned, two spaces between them.
struct TextTable {
  struct Column {
    let title: String
    var isNumeric = false
  }

  let columns: [Column]
  private var rows: [[String]] = []

  /// Columns whose title begins with `#` hold numbers and are aligned on the right.
  init(_ titles: String...) {
    columns = titles.map { title in
      title.hasPrefix("#")
        ? Column(title: String(title.dropFirst()), isNumeric: true) : Column(title: title)
    }
  }

  /// Missing cells stay empty.
  mutating func add(_ cells: String...) {
    rows.append(cells)
  }

  /// All lines, each with its end. Control characters, which a server could send, become `?`.
  var text: String {
    let lines = ([columns.map(\.title)] + rows).map { cells in
      columns.indices.map { $0 < cells.count ? TextTable.printable(cells[$0]) : "" }
    }
    let widths = columns.indices.map { index in
      lines.reduce(0) { max($0, $1[index].count) }
    }
    return lines.map { cells in
      var line = ""
      for (index, cell) in cells.enumerated() {
        let space = String(repeating: " ", count: widths[index] - cell.count)
        line += (index == 0 ? "" : "  ") + (columns[index].isNumeric ? space + cell : cell + space)
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  private static func printable(_ cell: String) -> String {
    String(String.UnicodeScalarView(cell.unicodeScalars.map { $0.value < 0x20 ? "?" : $0 }))
  }
}
