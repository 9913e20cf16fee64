/// The numbers of the text format: as the lexer leaves them, without underscores.
enum TextNumber {
  /// Nil when the number is no integer, or has more digits than `CandidLimits` allows.
  static func integer(_ bytes: [UInt8]) -> CandidInteger? {
    let isNegative = bytes.first == UInt8(ascii: "-")
    let digits = bytes.dropFirst(isNegative || bytes.first == UInt8(ascii: "+") ? 1 : 0)
    guard digits.starts(with: "0x".utf8) else { return CandidInteger(digits: bytes) }
    let sign = isNegative ? UInt8(ascii: "-") : UInt8(ascii: "+")
    return CandidInteger(digits: [sign] + digits.dropFirst(2), radix: 16)
  }

  /// Whether the number has a point or an exponent, or is one of the words.
  static func isFloat(_ bytes: [UInt8]) -> Bool {
    let isHexadecimal = bytes.prefix(3).contains(UInt8(ascii: "x"))
    let exponent = UInt8(ascii: isHexadecimal ? "p" : "e")
    return bytes.contains { byte in
      byte == UInt8(ascii: ".") || byte | 0x20 == exponent || byte | 0x20 == UInt8(ascii: "n")
    }
  }

  /// Nil when the number is malformed or out of the type's range.
  static func value(_ bytes: [UInt8], as type: TypeReference) -> CandidValue? {
    switch type {
    case .float32:
      guard let number = Float(String(decoding: bytes, as: UTF8.self)) else { return nil }
      return isOverflow(number, bytes) ? nil : .float32(number)
    case .float64:
      guard let number = Double(String(decoding: bytes, as: UTF8.self)) else { return nil }
      return isOverflow(number, bytes) ? nil : .float64(number)
    default: return integer(bytes)?.value(as: type)
    }
  }

  /// Whether digits too many for the type became infinity, which has a word of its own.
  private static func isOverflow(_ number: some BinaryFloatingPoint, _ bytes: [UInt8]) -> Bool {
    number.isInfinite && !bytes.contains(UInt8(ascii: "n"))
  }

  /// The shortest digits that are read as the same number, without an exponent and always with a
  /// point, as the reference prints them; at most about 330 characters.
  static func decimal(_ number: some BinaryFloatingPoint & LosslessStringConvertible) -> String {
    // A NaN's sign and payload have no text.
    if number.isNaN { return "NaN" }
    let shortest = number.description
    let parts = shortest.split(separator: "e", maxSplits: 1)
    guard parts.count == 2, let exponent = Int(parts[1]) else { return shortest }
    let sign = parts[0].hasPrefix("-") ? "-" : ""
    let mantissa = parts[0].drop { $0 == "-" }.split(separator: ".", maxSplits: 1)
    let whole = String(mantissa.first ?? "0")
    var fraction = mantissa.count == 2 ? String(mantissa[1]) : ""
    if fraction == "0" { fraction = "" }
    if exponent < 0 {
      return sign + "0." + String(repeating: "0", count: -exponent - 1) + whole + fraction
    }
    let padding = String(repeating: "0", count: max(0, exponent - fraction.utf8.count))
    let digits = fraction + padding
    let rest = digits.dropFirst(exponent)
    return sign + whole + digits.prefix(exponent) + "." + (rest.isEmpty ? "0" : rest)
  }
}

extension CandidInteger {
  /// As a value of an integer type; nil when it is out of range or the type is another.
  func value(as type: TypeReference) -> CandidValue? {
    switch type {
    case .nat: isNegative ? nil : .nat(self)
    case .int: .int(self)
    case .nat8: exactly(UInt8.self).map { .nat8($0) }
    case .nat16: exactly(UInt16.self).map { .nat16($0) }
    case .nat32: exactly(UInt32.self).map { .nat32($0) }
    case .nat64: exactly(UInt64.self).map { .nat64($0) }
    case .int8: exactly(Int8.self).map { .int8($0) }
    case .int16: exactly(Int16.self).map { .int16($0) }
    case .int32: exactly(Int32.self).map { .int32($0) }
    case .int64: exactly(Int64.self).map { .int64($0) }
    default: nil
    }
  }
}
