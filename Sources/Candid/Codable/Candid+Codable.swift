// To be members of types that are `Codable`. `CandidCoder` takes them as they are; for other coders
// they have forms of text.

extension Principal: Codable {
  public init(from decoder: any Decoder) throws {
    try self.init(text: decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

/// Decimal digits.
extension CandidInteger: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let value = CandidInteger(digits: text.utf8) else {
      throw CandidError(.typeMismatch, "the text is no integer in decimal digits")
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// An argument list of `CandidText`.
extension CandidValue: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    let values = try CandidText.parseArguments(text)
    guard values.count == 1 else {
      throw CandidError(.typeMismatch, "expected one value, not \(values.count)")
    }
    self = values[0]
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(String(decoding: CandidText.printCompact([self]), as: UTF8.self))
  }
}
