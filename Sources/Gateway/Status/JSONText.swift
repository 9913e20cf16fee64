import Candid

/// JSON (RFC 8259) that is written as it grows, for answers that are made every second.
struct JSONText {
  private(set) var bytes: [UInt8] = []

  mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  mutating func raw(_ other: [UInt8]) { bytes.append(contentsOf: other) }

  /// A name within an object, with its colon; a comma before it where something precedes.
  mutating func name(_ name: StaticString) {
    separate()
    raw("\"")
    raw(name)
    raw("\":")
  }

  /// Begins a further element of an array.
  mutating func separate() {
    switch bytes.last {
    case nil, UInt8(ascii: "{"), UInt8(ascii: "["): break
    default: bytes.append(UInt8(ascii: ","))
    }
  }

  mutating func object(_ body: (inout JSONText) -> Void) {
    raw("{")
    body(&self)
    raw("}")
  }

  mutating func array<Element>(
    _ elements: some Sequence<Element>, _ body: (inout JSONText, Element) -> Void
  ) {
    raw("[")
    for element in elements {
      separate()
      body(&self, element)
    }
    raw("]")
  }

  // MARK: - Values

  mutating func text(_ value: String) {
    raw("\"")
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0..<0x20:
        raw("\\u00")
        let digits = String(byte, radix: 16)
        if digits.utf8.count < 2 { raw("0") }
        bytes.append(contentsOf: digits.utf8)
      default:
        bytes.append(byte)
      }
    }
    raw("\"")
  }

  mutating func number(_ value: some BinaryInteger) {
    bytes.append(contentsOf: String(value).utf8)
  }

  /// To the thousandth. What is no number, or too large to be meant, is 0.
  mutating func number(_ value: Double) {
    let thousandths = value * 1_000
    guard thousandths.isFinite, abs(thousandths) < 1e15 else { return raw("0") }
    let rounded = Int64(thousandths.rounded())
    if rounded < 0 { raw("-") }
    let (whole, rest) = rounded.magnitude.quotientAndRemainder(dividingBy: 1_000)
    number(whole)
    guard rest > 0 else { return }
    var digits = String(rest + 1_000).utf8.dropFirst()
    while digits.last == UInt8(ascii: "0") { digits = digits.dropLast() }
    raw(".")
    bytes.append(contentsOf: digits)
  }

  // MARK: - Fields

  mutating func field(_ name: StaticString, _ value: String?) {
    self.name(name)
    if let value { text(value) } else { raw("null") }
  }

  mutating func field(_ name: StaticString, _ value: (some BinaryInteger)?) {
    self.name(name)
    if let value { number(value) } else { raw("null") }
  }

  mutating func field(_ name: StaticString, _ value: Double?) {
    self.name(name)
    if let value { number(value) } else { raw("null") }
  }

  mutating func field(_ name: StaticString, _ value: Bool) {
    self.name(name)
    if value { raw("true") } else { raw("false") }
  }

  mutating func field(_ name: StaticString, json: [UInt8]) {
    self.name(name)
    raw(json)
  }

  mutating func field(_ name: StaticString, nodes: [Principal]) {
    self.name(name)
    array(nodes) { $0.text($1.text) }
  }
}
