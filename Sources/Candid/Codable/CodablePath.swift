/// Where an encoder or decoder is. Going inside costs the same at any depth.
indirect enum CodablePath {
  case root
  /// Without a key: the same place, seen by a wrapped value.
  case inside(CodablePath, key: (any CodingKey)?, depth: Int)

  var depth: Int {
    switch self {
    case .root: 0
    case .inside(_, _, let depth): depth
    }
  }

  /// From the outside in.
  var keys: [any CodingKey] {
    var keys: [any CodingKey] = []
    var path = self
    while case .inside(let outer, let key, _) = path {
      if let key { keys.append(key) }
      path = outer
    }
    return keys.reversed()
  }

  func appending(_ key: (any CodingKey)?) -> CodablePath {
    .inside(self, key: key, depth: depth + 1)
  }

  func appending(_ label: CandidLabel) -> CodablePath {
    appending(CodableKey(stringValue: label.description))
  }

  func error(_ code: CandidError.Code, _ message: String) -> CandidError {
    CandidError(code, CandidError.message(message, at: keys))
  }

  func expectDepthAllowed() throws(CandidError) {
    guard depth <= CandidLimits.standard.depth else {
      // The path would be the same few keys over and over.
      throw CandidError(
        .limitExceeded, "the value is nested deeper than \(CandidLimits.standard.depth) levels")
    }
  }
}

/// An element's index, or a name that no type declares.
struct CodableKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  init(stringValue: String) {
    self.stringValue = stringValue
    intValue = nil
  }

  init(intValue: Int) {
    stringValue = String(intValue)
    self.intValue = intValue
  }

  static let superclass = CodableKey(stringValue: "super")
}

extension CodingKey {
  func candidLabel(at path: CodablePath) throws(CandidError) -> CandidLabel {
    guard let intValue else { return CandidLabel(stringValue) }
    guard let id = UInt32(exactly: intValue) else {
      throw path.error(.invalidType, "the key \(intValue) is no field's number, 0 to 4294967295")
    }
    return CandidLabel(id: id)
  }
}

extension CandidError {
  static func message(_ message: String, at keys: [any CodingKey]) -> String {
    keys.isEmpty ? message : "at \(keys.map(\.stringValue).joined(separator: ".")): \(message)"
  }

  /// What `Codable` implementations throw.
  init(coding error: any Error) {
    switch error {
    case let error as CandidError: self = error
    case EncodingError.invalidValue(_, let context):
      self.init(.typeMismatch, Self.message(context.debugDescription, at: context.codingPath))
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
      DecodingError.keyNotFound(_, let context), DecodingError.dataCorrupted(let context):
      self.init(.typeMismatch, Self.message(context.debugDescription, at: context.codingPath))
    default: self.init(.typeMismatch, "\(error)")
    }
  }
}
