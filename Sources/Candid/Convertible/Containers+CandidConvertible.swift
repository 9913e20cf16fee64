// Conformances of the types that hold values of other types.

extension Optional: CandidConvertible where Wrapped: CandidConvertible {
  public static func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    .opt(types.type(of: Wrapped.self))
  }

  @inlinable
  public func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    switch self {
    case nil: encoder.write(isPresent: false)
    case let wrapped?:
      encoder.write(isPresent: true)
      try encoder.enter()
      try wrapped.encode(into: &encoder)
      encoder.leave()
    }
  }

  @inlinable
  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    guard try decoder.isPresent() else {
      self = nil
      return
    }
    try decoder.enter()
    self = try Wrapped(from: &decoder)
    decoder.leave()
  }
}

/// `[UInt8]` is a blob.
extension Array: CandidConvertible where Element: CandidConvertible {
  public static func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    .vec(types.type(of: Element.self))
  }

  @inlinable
  public func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    try Element.encodeElements(self, into: &encoder)
  }

  @inlinable
  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try Element.decodeElements(from: &decoder)
  }
}

/// A blob that, when read, shares the message's memory and keeps it alive.
extension ArraySlice: CandidConvertible where Element == UInt8 {
  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .blob }

  public func encode(into encoder: inout CandidEncoder) {
    withUnsafeBytes { encoder.write(blob: $0) }
  }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try decoder.blobSlice()
  }
}

/// A text that, when read, shares the message's memory and keeps it alive. Several times as fast to
/// read as a `String`, which needs memory of its own.
public struct CandidTextSlice: Hashable, Sendable, CandidConvertible {
  /// Valid UTF-8.
  public let utf8: ArraySlice<UInt8>

  /// A text to be written; its bytes are copied.
  public init(_ text: String) { utf8 = ArraySlice(text.utf8) }

  public static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .text }

  public func encode(into encoder: inout CandidEncoder) {
    utf8.withUnsafeBytes { encoder.write(blob: $0) }
  }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    utf8 = try decoder.textSlice()
  }
}

extension String {
  /// A text with memory of its own.
  public init(_ text: CandidTextSlice) { self.init(decoding: text.utf8, as: UTF8.self) }
}

/// `record { First; Second }`.
public struct CandidPair<First: CandidConvertible, Second: CandidConvertible>: CandidConvertible {
  /// Field 0.
  public var first: First
  /// Field 1.
  public var second: Second

  /// A record of two values.
  @inlinable
  public init(_ first: First, _ second: Second) {
    self.first = first
    self.second = second
  }

  public static func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    .record([
      CandidField(label: CandidLabel(id: 0), type: types.type(of: First.self)),
      CandidField(label: CandidLabel(id: 1), type: types.type(of: Second.self)),
    ])
  }

  @inlinable
  public func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    try first.encode(into: &encoder)
    try second.encode(into: &encoder)
  }

  @inlinable
  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    first = try First(from: &decoder)
    second = try Second(from: &decoder)
  }

  @inlinable
  public static func encodeElements(
    _ elements: [Self], into encoder: inout CandidEncoder
  ) throws(CandidError) {
    encoder.write(leb128: UInt64(truncatingIfNeeded: elements.count))
    try encoder.enter()
    // Each half is reached by itself: a copy of the whole pair would have to be retained.
    var index = 0
    while index < elements.count {
      try elements[index].first.encode(into: &encoder)
      try elements[index].second.encode(into: &encoder)
      index &+= 1
    }
    encoder.leave()
  }
}

extension CandidPair: Equatable where First: Equatable, Second: Equatable {}
extension CandidPair: Hashable where First: Hashable, Second: Hashable {}

/// `vec record { Key; Value }`, in no order. Of equal keys the last one counts.
extension Dictionary: CandidConvertible where Key: CandidConvertible, Value: CandidConvertible {
  public static func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    .vec(types.type(of: CandidPair<Key, Value>.self))
  }

  public func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    encoder.write(leb128: UInt64(count))
    try encoder.enter()
    for (key, value) in self {
      try key.encode(into: &encoder)
      try value.encode(into: &encoder)
    }
    encoder.leave()
  }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    let count = try decoder.elementCount()
    self.init()
    try decoder.enter()
    for _ in 0..<count {
      let key = try Key(from: &decoder)
      self[key] = try Value(from: &decoder)
    }
    decoder.leave()
  }
}
