extension CandidType: CustomStringConvertible {
  /// In Candid's text format, on one line.
  public var description: String {
    var printer = TextPrinter(notesGroups: false, byteCount: 32)
    printer.type(self)
    return String(decoding: printer.bytes, as: UTF8.self)
  }

  /// Empty for a type that is not primitive.
  var primitiveName: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .nat: "nat"
    case .int: "int"
    case .nat8: "nat8"
    case .nat16: "nat16"
    case .nat32: "nat32"
    case .nat64: "nat64"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .float32: "float32"
    case .float64: "float64"
    case .text: "text"
    case .reserved: "reserved"
    case .empty: "empty"
    case .principal: "principal"
    default: ""
    }
  }
}

extension CandidFunction: CustomStringConvertible {
  /// As behind a method's name: `(text) -> (nat) query`.
  public var description: String {
    var printer = TextPrinter(notesGroups: false, byteCount: 32)
    printer.function(self)
    return String(decoding: printer.bytes, as: UTF8.self)
  }
}
