/// A strict reader of JSON (RFC 8259): UTF-8 only, no duplicate names, bounded depth.
struct JSONParser {
  private let source: UnsafeBufferPointer<UInt8>
  private var position = 0
  private var depthLeft: Int

  /// - Throws: `malformed` or `limitExceeded`, with the offset.
  static func parse(_ source: [UInt8], limits: CandidLimits) throws(CandidError) -> JSONNode {
    try source.withUnsafeBufferPointer { (buffer) throws(CandidError) in
      var parser = JSONParser(source: buffer, depthLeft: limits.depth)
      let node = try parser.value()
      guard parser.peek() == nil else { throw parser.unexpected("the end") }
      return node
    }
  }

  private init(source: UnsafeBufferPointer<UInt8>, depthLeft: Int) {
    self.source = source
    self.depthLeft = depthLeft
  }

  private func unexpected(_ wanted: String) -> CandidError {
    CandidError(
      .malformed, "expected \(wanted)\(position < source.count ? "" : ", but the text ends")",
      at: position)
  }

  private var current: UInt8? { position < source.count ? source[position] : nil }

  /// The next byte that is no space.
  private mutating func peek() -> UInt8? {
    while let byte = current {
      guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
      position += 1
    }
    return nil
  }

  private mutating func accept(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: scalar) else { return false }
    position += 1
    return true
  }

  private mutating func value() throws(CandidError) -> JSONNode {
    depthLeft -= 1
    defer { depthLeft += 1 }
    let first = peek()
    let offset = position
    guard depthLeft > 0 else {
      throw CandidError(.limitExceeded, "the JSON is nested too deeply", at: offset)
    }
    switch first {
    case UInt8(ascii: "{"): return JSONNode(offset: offset, content: .object(try object()))
    case UInt8(ascii: "["): return JSONNode(offset: offset, content: .array(try array()))
    case UInt8(ascii: "\""): return JSONNode(offset: offset, content: .string(try string()))
    case UInt8(ascii: "n"): return JSONNode(offset: offset, content: try word("null", .null))
    case UInt8(ascii: "t"): return JSONNode(offset: offset, content: try word("true", .bool(true)))
    case UInt8(ascii: "f"):
      return JSONNode(offset: offset, content: try word("false", .bool(false)))
    default: return JSONNode(offset: offset, content: .number(try number()))
    }
  }

  private mutating func word(
    _ word: StaticString, _ content: JSONNode.Content
  ) throws(CandidError) -> JSONNode.Content {
    let count = word.utf8CodeUnitCount
    let rest = UnsafeBufferPointer(rebasing: source[position...].prefix(count))
    guard rest.elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: count)) else {
      throw unexpected("\(word)")
    }
    position += count
    return content
  }

  private mutating func array() throws(CandidError) -> [JSONNode] {
    position += 1
    var elements: [JSONNode] = []
    if accept("]") { return elements }
    repeat { elements.append(try value()) } while accept(",")
    guard accept("]") else { throw unexpected(", or ]") }
    return elements
  }

  private mutating func object() throws(CandidError) -> [JSONNode.Member] {
    position += 1
    var members: [JSONNode.Member] = []
    var names: Set<String> = []
    func isKnown(_ name: String) -> Bool {
      // Most objects are small enough to be searched faster than hashed.
      if members.count < 16 { return members.contains { $0.name == name } }
      if names.isEmpty { names.formUnion(members.map(\.name)) }
      return !names.insert(name).inserted
    }
    if accept("}") { return members }
    repeat {
      guard peek() == UInt8(ascii: "\"") else { throw unexpected("a name in quotation marks") }
      let offset = position
      let name = try string()
      guard !isKnown(name) else {
        throw CandidError(.malformed, "the name \(name) appears twice", at: offset)
      }
      guard accept(":") else { throw unexpected(":") }
      members.append(JSONNode.Member(name: name, value: try value()))
    } while accept(",")
    guard accept("}") else { throw unexpected(", or }") }
    return members
  }

  private mutating func digits() throws(CandidError) {
    guard let first = current, (48...57).contains(first) else { throw unexpected("a digit") }
    while let byte = current, (48...57).contains(byte) { position += 1 }
  }

  private mutating func number() throws(CandidError) -> [UInt8] {
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    guard let first = current, (48...57).contains(first) else { throw unexpected("a value") }
    if first == 48 { position += 1 } else { try digits() }
    if current == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if let byte = current, byte | 0x20 == UInt8(ascii: "e") {
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    return Array(source[start..<position])
  }

  private mutating func string() throws(CandidError) -> String {
    let start = position
    position += 1
    var bytes: [UInt8] = []
    while true {
      let runStart = position
      while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"),
        byte >= 0x20
      {
        position += 1
      }
      let run = source[runStart..<position]
      if current == UInt8(ascii: "\""), bytes.isEmpty {
        position += 1
        return try text(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: run)), start)
      }
      bytes.append(contentsOf: run)
      if current == UInt8(ascii: "\"") {
        position += 1
        return try bytes.withUnsafeBufferPointer { (buffer) throws(CandidError) in
          try text(UnsafeRawBufferPointer(buffer), start)
        }
      }
      guard current == UInt8(ascii: "\\") else {
        throw unexpected("a quotation mark; control characters must be escaped")
      }
      position += 1
      try escape(into: &bytes)
    }
  }

  private func text(_ bytes: UnsafeRawBufferPointer, _ start: Int) throws(CandidError) -> String {
    guard let text = String(utf8: bytes) else {
      throw CandidError(.malformed, "the string is not UTF-8", at: start)
    }
    return text
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(CandidError) {
    guard let byte = current else { throw unexpected("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0c)
    case UInt8(ascii: "n"): bytes.append(0x0a)
    case UInt8(ascii: "r"): bytes.append(0x0d)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"):
      var code = try codeUnit()
      if 0xd800...0xdbff ~= code, current == UInt8(ascii: "\\") {
        position += 1
        guard current == UInt8(ascii: "u") else { throw unexpected("a second surrogate") }
        position += 1
        let low = try codeUnit()
        guard 0xdc00...0xdfff ~= low else { throw unexpected("a second surrogate") }
        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw unexpected("a scalar value: a surrogate stands alone")
      }
      bytes.append(contentsOf: String(scalar).utf8)
    default:
      position -= 1
      throw unexpected("one of the escapes of JSON")
    }
  }

  private mutating func codeUnit() throws(CandidError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = current.flatMap(TextLexer.hexadecimal) else {
        throw unexpected("four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}
