// Conformances of the types that stand for Candid's primitive types.

extension UInt8: CandidConvertible {
  public static var candidType: CandidType { .nat8 }
  public var candidValue: CandidValue { .nat8(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .nat8(let value) = candidValue else { throw .mismatch(candidValue, "nat8") }
    self = value
  }
}

extension UInt16: CandidConvertible {
  public static var candidType: CandidType { .nat16 }
  public var candidValue: CandidValue { .nat16(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .nat16(let value) = candidValue else { throw .mismatch(candidValue, "nat16") }
    self = value
  }
}

extension UInt32: CandidConvertible {
  public static var candidType: CandidType { .nat32 }
  public var candidValue: CandidValue { .nat32(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .nat32(let value) = candidValue else { throw .mismatch(candidValue, "nat32") }
    self = value
  }
}

extension UInt64: CandidConvertible {
  public static var candidType: CandidType { .nat64 }
  public var candidValue: CandidValue { .nat64(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .nat64(let value) = candidValue else { throw .mismatch(candidValue, "nat64") }
    self = value
  }
}

extension Int8: CandidConvertible {
  public static var candidType: CandidType { .int8 }
  public var candidValue: CandidValue { .int8(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .int8(let value) = candidValue else { throw .mismatch(candidValue, "int8") }
    self = value
  }
}

extension Int16: CandidConvertible {
  public static var candidType: CandidType { .int16 }
  public var candidValue: CandidValue { .int16(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .int16(let value) = candidValue else { throw .mismatch(candidValue, "int16") }
    self = value
  }
}

extension Int32: CandidConvertible {
  public static var candidType: CandidType { .int32 }
  public var candidValue: CandidValue { .int32(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .int32(let value) = candidValue else { throw .mismatch(candidValue, "int32") }
    self = value
  }
}

extension Int64: CandidConvertible {
  public static var candidType: CandidType { .int64 }
  public var candidValue: CandidValue { .int64(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .int64(let value) = candidValue else { throw .mismatch(candidValue, "int64") }
    self = value
  }
}

extension Float: CandidConvertible {
  public static var candidType: CandidType { .float32 }
  public var candidValue: CandidValue { .float32(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .float32(let value) = candidValue else { throw .mismatch(candidValue, "float32") }
    self = value
  }
}

extension Double: CandidConvertible {
  public static var candidType: CandidType { .float64 }
  public var candidValue: CandidValue { .float64(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .float64(let value) = candidValue else { throw .mismatch(candidValue, "float64") }
    self = value
  }
}

extension Bool: CandidConvertible {
  public static var candidType: CandidType { .bool }
  public var candidValue: CandidValue { .bool(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .bool(let value) = candidValue else { throw .mismatch(candidValue, "bool") }
    self = value
  }
}

extension String: CandidConvertible {
  public static var candidType: CandidType { .text }
  public var candidValue: CandidValue { .text(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .text(let value) = candidValue else { throw .mismatch(candidValue, "text") }
    self = value
  }
}

extension Principal: CandidConvertible {
  public static var candidType: CandidType { .principal }
  public var candidValue: CandidValue { .principal(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    guard case .principal(let value) = candidValue else {
      throw .mismatch(candidValue, "principal")
    }
    self = value
  }
}

extension CandidInteger: CandidConvertible {
  public static var candidType: CandidType { .int }
  public var candidValue: CandidValue { .int(self) }

  public init(candidValue: CandidValue) throws(CandidError) {
    switch candidValue {
    case .int(let value), .nat(let value): self = value
    default: throw .mismatch(candidValue, "int")
    }
  }
}
