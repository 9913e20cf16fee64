/// Writes values as text on one line, and notes the groups that a layout on several lines may
/// break.
struct TextPrinter {
  /// Something in braces or parentheses: positions in `bytes`.
  struct Group {
    var start: Int
    /// Behind the opening brace.
    var opened: Int
    var items: [Range<Int>] = []
    var closing = 0
    var end = 0
    /// Behind each item, the last too when the group is broken.
    var separator: UInt8?
    /// Whether it is broken even where it fits into a line.
    var isBroken = false
    var inner: [Group] = []
  }

  var bytes: [UInt8] = []
  /// Empty when no layout is wanted.
  private var open: [Group]

  /// Makes room for `byteCount` bytes, more or less.
  init(notesGroups: Bool, byteCount: Int) {
    bytes.reserveCapacity(byteCount)
    open = notesGroups ? [Group(start: 0, opened: 0, separator: nil)] : []
  }

  var groups: [Group] { open.first?.inner ?? [] }

  mutating func arguments(_ values: [CandidValue]) {
    group("(", ")", separator: ",", values) { $0.annotated($1) }
  }

  mutating func group<Item>(
    _ opening: String, _ closing: Unicode.Scalar, separator: Unicode.Scalar?, _ items: [Item],
    isBroken: Bool = false, _ print: (inout TextPrinter, Item) -> Void
  ) {
    let padding = closing == "}"
    let start = bytes.count
    write(opening)
    if !open.isEmpty {
      open.append(
        Group(
          start: start, opened: bytes.count, separator: separator.map { UInt8(ascii: $0) },
          isBroken: isBroken))
    }
    var isFirst = true
    for item in items {
      if !isFirst, let separator { bytes.append(UInt8(ascii: separator)) }
      if padding || !isFirst { bytes.append(0x20) }
      isFirst = false
      let itemStart = bytes.count
      print(&self, item)
      note { $0.items.append(itemStart..<$1) }
    }
    if padding, !items.isEmpty { bytes.append(0x20) }
    note { $0.closing = $1 }
    bytes.append(UInt8(ascii: closing))
    if var finished = open.popLast() {
      finished.end = bytes.count
      note { group, _ in group.inner.append(finished) }
    }
  }

  /// Changes the innermost group in place.
  private mutating func note(_ change: (inout Group, Int) -> Void) {
    guard let last = open.indices.last else { return }
    change(&open[last], bytes.count)
  }

  mutating func write(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// The value with its type behind it where the value alone does not tell.
  private mutating func annotated(_ value: CandidValue) {
    plain(value)
    switch value {
    case .nat, .int, .nat8, .nat16, .nat32, .nat64, .int8, .int16, .int32, .int64, .float32,
      .float64, .null, .reserved:
      write(" : ")
      write(value.kind)
    default: break
    }
  }

  private mutating func plain(_ value: CandidValue) {
    switch value {
    case .null, .reserved, .opt(nil): write("null")
    case .bool(let flag): write(flag ? "true" : "false")
    case .nat(let number), .int(let number): digits(number.description)
    case .nat8(let number): digits(String(number))
    case .nat16(let number): digits(String(number))
    case .nat32(let number): digits(String(number))
    case .nat64(let number): digits(String(number))
    case .int8(let number): digits(String(number))
    case .int16(let number): digits(String(number))
    case .int32(let number): digits(String(number))
    case .int64(let number): digits(String(number))
    case .float32(let number): write(TextNumber.decimal(number))
    case .float64(let number): write(TextNumber.decimal(number))
    case .text(let text): bytes.appendQuoted(text)
    case .principal(let principal): reference("principal ", principal)
    case .service(let principal): reference("service ", principal)
    case .function(let principal, let method):
      reference("func ", principal)
      bytes.append(UInt8(ascii: "."))
      bytes.appendName(method)
    case .blob(let blob): bytes.appendBlob(blob)
    case .opt(let inner?): optional(inner)
    case .vec(let elements):
      group("vec {", "}", separator: ";", elements) { $0.annotated($1) }
    case .record(let fields): record(fields)
    case .variant(let chosen):
      group("variant {", "}", separator: nil, [chosen]) { printer, chosen in
        printer.bytes.appendLabel(chosen.label)
        if chosen.value != .null { printer.assigned(chosen.value) }
      }
    }
  }

  private mutating func optional(_ inner: CandidValue) {
    write("opt ")
    switch inner {
    case .nat, .int, .nat8, .nat16, .nat32, .nat64, .int8, .int16, .int32, .int64, .float32,
      .float64, .null, .reserved:
      write("(")
      annotated(inner)
      write(")")
    default: plain(inner)
    }
  }

  private mutating func record(_ fields: [CandidFieldValue]) {
    let isTuple = fields.enumerated().allSatisfy { UInt32($0.offset) == $0.element.label.id }
    group("record {", "}", separator: ";", fields) { printer, field in
      if isTuple {
        printer.annotated(field.value)
      } else {
        printer.bytes.appendLabel(field.label)
        printer.assigned(field.value)
      }
    }
  }

  private mutating func assigned(_ value: CandidValue) {
    write(" = ")
    annotated(value)
  }

  private mutating func reference(_ word: String, _ principal: Principal) {
    write(word)
    bytes.append(UInt8(ascii: "\""))
    bytes.append(contentsOf: principal.textBytes)
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func digits(_ digits: String) { bytes.appendGrouped(digits) }
}
