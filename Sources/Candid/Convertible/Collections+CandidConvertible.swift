extension Optional: CandidConvertible where Wrapped: CandidConvertible {
  public static var candidType: CandidType { .opt(Wrapped.candidType) }
  public var candidValue: CandidValue { .opt(self?.candidValue) }

  public init(candidValue: CandidValue) throws(CandidError) {
    switch candidValue {
    case .null, .reserved, .opt(nil): self = nil
    case .opt(let value?): self = try Wrapped(candidValue: value)
    default: throw .mismatch(candidValue, "opt")
    }
  }
}

/// `[UInt8]` is a blob, without a step for each byte.
extension Array: CandidConvertible where Element: CandidConvertible {
  public static var candidType: CandidType { .vec(Element.candidType) }

  public var candidValue: CandidValue {
    // The types are compared first, for an empty array can be cast to an array of anything.
    if Element.self == UInt8.self, let bytes = self as? [UInt8] { return .blob(bytes) }
    return .vec(map(\.candidValue))
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    switch candidValue {
    case .vec(let values):
      self = []
      reserveCapacity(values.count)
      for value in values { append(try Element(candidValue: value)) }
    case .blob(let bytes):
      guard Element.self == UInt8.self, let elements = bytes as? [Element] else {
        throw .mismatch(candidValue, "vec")
      }
      self = elements
    default:
      throw .mismatch(candidValue, "vec")
    }
  }
}
