import HTTPTransport

/// What requests carry of the trace that they belong to: `traceparent` of W3C Trace Context.
struct TraceContext: Hashable, Sendable {
  var traceHigh: UInt64
  var traceLow: UInt64
  /// The span that asks.
  var span: UInt64
  /// Whether the trace is recorded.
  var isSampled: Bool

  /// A trace of its own.
  static func root() -> TraceContext {
    TraceContext(
      traceHigh: .random(in: 1 ... .max), traceLow: .random(in: 1 ... .max),
      span: .random(in: 1 ... .max), isSampled: true)
  }

  init(traceHigh: UInt64, traceLow: UInt64, span: UInt64, isSampled: Bool) {
    self.traceHigh = traceHigh
    self.traceLow = traceLow
    self.span = span
    self.isSampled = isSampled
  }

  /// Reads `00-TRACE-PARENT-FLAGS`; nil for what is none, which is as if there were no field. A
  /// later version may have more behind it (W3C Trace Context section 3.2.2).
  init?(_ text: UnsafeRawBufferPointer) {
    guard text.count >= 55, text[2] == 0x2D, text[35] == 0x2D, text[52] == 0x2D,
      let version = number(text[0..<2]), version != 0xFF,
      text.count == 55 || (version > 0 && text[55] == 0x2D),
      let high = number(text[3..<19]), let low = number(text[19..<35]), high | low != 0,
      let span = number(text[36..<52]), span != 0, let flags = number(text[53..<55])
    else { return nil }
    self.init(traceHigh: high, traceLow: low, span: span, isSampled: flags & 1 == 1)
  }

  /// The request's own; nil without a field that can be read, and with several.
  init?(of exchange: Exchange) {
    var found: [TraceContext?] = []
    exchange.forEachHeader { name, value in
      if name.elementsEqual("traceparent".utf8) { found.append(TraceContext(value)) }
    }
    guard found.count == 1, let own = found[0] else { return nil }
    self = own
  }

  var text: String { "00-\(traceText)-\(TraceContext.hex(span))-\(isSampled ? "01" : "00")" }

  var traceText: String { TraceContext.hex(traceHigh) + TraceContext.hex(traceLow) }

  static func hex(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// Lower-case digits only, as the recommendation asks.
private func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
  var value: UInt64 = 0
  for digit in digits {
    switch digit {
    case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
    case 0x61...0x66: value = value << 4 | UInt64(digit - 0x61 + 10)
    default: return nil
    }
  }
  return value
}

/// What names a request in logs: `x-request-id`.
enum RequestID {
  static let field: StaticString = "x-request-id"
  private static let longest = 128

  /// The one that the client gave, if it is well-formed: letters, digits and a few marks.
  static func given(_ exchange: Exchange) -> String? {
    let id = exchange.withHeader(field) { value -> String? in
      guard !value.isEmpty, value.count <= longest, value.allSatisfy(isAllowed) else { return nil }
      return String(decoding: value, as: UTF8.self)
    }
    return id ?? nil
  }

  static func make() -> String { TraceContext.hex(.random(in: .min ... .max)) }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x2B, 0x2D, 0x2E, 0x2F, 0x3A, 0x3D, 0x40, 0x5F: true
    default: false
    }
  }
}
