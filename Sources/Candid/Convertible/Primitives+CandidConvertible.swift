// Conformances of the types that stand for Candid's primitive types.

/// A number of fixed width; an array of them is copied as it lies in memory.
public protocol CandidFixedWidth: CandidConvertible, FixedWidthInteger, BitwiseCopyable {}

extension CandidFixedWidth {
  /// Writes the number, lowest byte first.
  @inlinable
  public func encode(into encoder: inout CandidEncoder) { encoder.write(fixed: self) }

  @inlinable
  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try decoder.fixed()
  }

  public static func encodeElements(
    _ elements: [Self], into encoder: inout CandidEncoder
  ) throws(CandidError) {
    encoder.write(leb128: UInt64(elements.count))
    if Self(1).littleEndian == 1 {
      elements.withUnsafeBytes { encoder.write($0) }
    } else {
      for element in elements { encoder.write(fixed: element) }
    }
  }

  public static func decodeElements(
    from decoder: inout CandidDecoder
  ) throws(CandidError) -> [Self] {
    let count = try decoder.elementCount()
    let bytes = try decoder.fixedElements(count, width: MemoryLayout<Self>.size)
    return [Self](unsafeUninitializedCapacity: count) { elements, initialized in
      for index in 0..<count {
        let offset = index &* MemoryLayout<Self>.size
        let number = bytes.loadUnaligned(fromByteOffset: offset, as: Self.self)
        elements.initializeElement(at: index, to: Self(littleEndian: number))
      }
      initialized = count
    }
  }
}

/// An array of these is a blob.
extension UInt8: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .nat8 }

  public static func decodeElements(
    from decoder: inout CandidDecoder
  ) throws(CandidError) -> [UInt8] {
    try decoder.blob()
  }
}

extension UInt16: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .nat16 }
}

extension UInt32: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .nat32 }
}

extension UInt64: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .nat64 }
}

extension UInt: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .nat64 }
}

extension Int8: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .int8 }
}

extension Int16: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .int16 }
}

extension Int32: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .int32 }
}

extension Int64: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .int64 }
}

extension Int: CandidFixedWidth {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .int64 }
}

extension Float: CandidConvertible {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .float32 }
  public func encode(into encoder: inout CandidEncoder) { encoder.write(fixed: bitPattern) }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self.init(bitPattern: try decoder.fixed())
  }
}

extension Double: CandidConvertible {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .float64 }
  public func encode(into encoder: inout CandidEncoder) { encoder.write(fixed: bitPattern) }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self.init(bitPattern: try decoder.fixed())
  }
}

extension Bool: CandidConvertible {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .bool }
  public func encode(into encoder: inout CandidEncoder) { encoder.write(bool: self) }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try decoder.bool()
  }
}

extension String: CandidConvertible {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .text }

  @inlinable @inline(__always)
  public func encode(into encoder: inout CandidEncoder) { encoder.write(text: self) }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try decoder.text()
  }
}

extension Principal: CandidConvertible {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .principal }
  public func encode(into encoder: inout CandidEncoder) { encoder.write(principal: self) }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try decoder.principal()
  }
}

/// Stands for `int`.
extension CandidInteger: CandidConvertible {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .int }
  public func encode(into encoder: inout CandidEncoder) { encoder.write(int: self) }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try decoder.int()
  }
}

/// An integer of any size that is not negative: stands for `nat`.
public struct CandidNatural: Hashable, Sendable, CandidConvertible {
  /// 0 or more.
  public let value: CandidInteger

  /// Nil for a negative value.
  public init?(_ value: CandidInteger) {
    guard !value.isNegative else { return nil }
    self.value = value
  }

  /// The number, which is never negative.
  public init(_ value: UInt64) { self.value = CandidInteger(value) }

  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .nat }

  public func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    try encoder.write(nat: value)
  }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    value = try decoder.nat()
  }
}
