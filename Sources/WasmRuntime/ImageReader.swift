/// Reads the binary form of modules (WebAssembly core specification, section 5): never beyond its
/// end.
struct ImageReader {
  let bytes: [UInt8]
  private(set) var offset: Int
  let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    offset = range.lowerBound
    end = min(range.upperBound, bytes.count)
  }

  var isAtEnd: Bool { offset >= end }

  mutating func byte() throws(WasmError) -> UInt8 {
    guard offset < end else { throw damaged() }
    defer { offset += 1 }
    return bytes[offset]
  }

  /// A LEB128 number of 32 bits (section 5.2.2).
  mutating func number() throws(WasmError) -> Int {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte()
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 { break }
      shift += 7
      guard shift < 35 else { throw damaged() }
    }
    guard value <= UInt32.max else { throw damaged() }
    return Int(value)
  }

  mutating func range(_ count: Int) throws(WasmError) -> Range<Int> {
    guard count >= 0, count <= end - offset else { throw damaged() }
    defer { offset += count }
    return offset..<offset + count
  }

  mutating func name() throws(WasmError) -> String {
    let range = try range(try number())
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw WasmError(
        .notWasm, "the module is damaged: the name at byte \(range.lowerBound) is not UTF-8")
    }
    return text
  }

  /// Skips the limits of a table or a memory (section 5.3.7).
  mutating func skipLimits() throws(WasmError) {
    let flags = try byte()
    _ = try number()
    if flags & 1 != 0 { _ = try number() }
  }

  func damaged() -> WasmError {
    WasmError(.notWasm, "the WebAssembly module is damaged or cut short at byte \(offset)")
  }
}
