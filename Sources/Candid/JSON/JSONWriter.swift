/// Writes Candid values as JSON.
struct JSONWriter {
  /// The largest magnitude that every reader of JSON keeps exactly: 2^53 - 1.
  private static let largestNumber: Int64 = 9_007_199_254_740_991

  var bytes: [UInt8] = []

  mutating func array(_ values: [CandidValue]) {
    list("[", "]", values) { $0.value($1) }
  }

  private mutating func list<Item>(
    _ opening: Unicode.Scalar, _ closing: Unicode.Scalar, _ items: [Item],
    _ write: (inout JSONWriter, Item) -> Void
  ) {
    bytes.append(UInt8(ascii: opening))
    var isFirst = true
    for item in items {
      if !isFirst { bytes.append(UInt8(ascii: ",")) }
      isFirst = false
      write(&self, item)
    }
    bytes.append(UInt8(ascii: closing))
  }

  mutating func value(_ value: CandidValue) {
    switch value {
    case .null, .reserved, .opt(nil): write("null")
    case .bool(let flag): write(flag ? "true" : "false")
    case .nat(let number), .int(let number): self.number(number)
    case .nat8(let number): write(String(number))
    case .nat16(let number): write(String(number))
    case .nat32(let number): write(String(number))
    case .nat64(let number): self.number(CandidInteger(number))
    case .int8(let number): write(String(number))
    case .int16(let number): write(String(number))
    case .int32(let number): write(String(number))
    case .int64(let number): self.number(CandidInteger(number))
    case .float32(let number): float(number)
    case .float64(let number): float(number)
    case .text(let text): string(text)
    case .principal(let principal), .service(let principal): self.principal(principal)
    case .blob(let blob):
      bytes.append(UInt8(ascii: "\""))
      Base64.append(blob, to: &bytes)
      bytes.append(UInt8(ascii: "\""))
    case .opt(let inner?): optional(inner)
    case .vec(let elements): array(elements)
    case .record(let fields):
      list("{", "}", fields) { $0.member($1) }
    case .variant(let chosen):
      list("{", "}", [chosen]) { $0.member($1) }
    case .function(let principal, let method):
      write("{\"service\":")
      self.principal(principal)
      write(",\"method\":")
      string(method)
      write("}")
    }
  }

  /// A value that could itself be null is wrapped, so that it differs from a missing one.
  private mutating func optional(_ inner: CandidValue) {
    switch inner {
    case .null, .reserved, .opt: array([inner])
    default: value(inner)
    }
  }

  private mutating func member(_ field: CandidFieldValue) {
    string(field.label.description)
    bytes.append(UInt8(ascii: ":"))
    value(field.value)
  }

  private mutating func write(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func number(_ number: CandidInteger) {
    if let small = number.exactly(Int64.self), small.magnitude <= Self.largestNumber.magnitude {
      write(String(small))
    } else {
      bytes.append(UInt8(ascii: "\""))
      write(number.description)
      bytes.append(UInt8(ascii: "\""))
    }
  }

  private mutating func float(_ number: some BinaryFloatingPoint & CustomStringConvertible) {
    if number.isNaN {
      write("\"NaN\"")
    } else if number.isInfinite {
      write(number.sign == .minus ? "\"-Infinity\"" : "\"Infinity\"")
    } else {
      write(number.description)
    }
  }

  private mutating func principal(_ principal: Principal) {
    bytes.append(UInt8(ascii: "\""))
    bytes.append(contentsOf: principal.textBytes)
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func string(_ text: String) {
    var text = text
    bytes.append(UInt8(ascii: "\""))
    text.withUTF8 { utf8 in
      var start = 0
      for (index, byte) in utf8.enumerated()
      where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        bytes.append(contentsOf: utf8[start..<index])
        start = index + 1
        escape(byte)
      }
      bytes.append(contentsOf: utf8[start...])
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func escape(_ byte: UInt8) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case 0x0a: bytes.append(UInt8(ascii: "n"))
    case 0x0d: bytes.append(UInt8(ascii: "r"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x00..<0x20:
      let low = byte & 15
      write(byte < 0x10 ? "u000" : "u001")
      bytes.append(low < 10 ? low + 48 : low + 87)
    default: bytes.append(byte)
    }
  }
}
