extension CandidValue {
  /// The type that the value has by itself, where the elements of a list have a common one.
  func commonType(at path: CodablePath) throws(CandidError) -> CandidType {
    try path.expectDepthAllowed()
    switch self {
    case .opt(let inner):
      guard let inner else { return .opt(.empty) }
      return .opt(try inner.commonType(at: path.appending(nil)))
    case .vec(let elements):
      var type = CandidType.empty
      for (index, element) in elements.enumerated() {
        let inside = path.appending(CodableKey(intValue: index))
        type = try type.common(with: element.commonType(at: inside), at: inside)
      }
      return .vec(type)
    case .record(let fields):
      var types: [CandidField] = []
      types.reserveCapacity(fields.count)
      for field in fields {
        let type = try field.value.commonType(at: path.appending(field.label))
        types.append(CandidField(label: field.label, type: type))
      }
      return .record(types)
    case .variant(let chosen):
      let type = try chosen.value.commonType(at: path.appending(chosen.label))
      return .variant([CandidField(label: chosen.label, type: type)])
    default: return inferredType
    }
  }
}

extension CandidType {
  /// The smallest type that has room for the values of both.
  fileprivate func common(
    with other: CandidType, at path: CodablePath
  ) throws(CandidError) -> CandidType {
    if self == other { return self }
    switch (self, other) {
    case (.empty, let type), (let type, .empty): return type
    case (.opt(let left), .opt(let right)): return .opt(try left.common(with: right, at: path))
    case (.opt(let inner), .null), (.null, .opt(let inner)): return .opt(inner)
    case (.opt(let inner), let type), (let type, .opt(let inner)):
      return .opt(try inner.common(with: type, at: path))
    case (.null, let type), (let type, .null): return .opt(type)
    case (.nat, .int), (.int, .nat): return .int
    case (.vec(let left), .vec(let right)): return .vec(try left.common(with: right, at: path))
    case (.record(let left), .record(let right)):
      return .record(try Self.merge(left, right, at: path) { $0.orMissing })
    case (.variant(let left), .variant(let right)):
      return .variant(try Self.merge(left, right, at: path) { $0 })
    default:
      throw path.error(
        .typeMismatch,
        "an element has type \(other), those before it \(self); give the type to encode it at")
    }
  }

  private var orMissing: CandidType {
    switch self {
    case .opt, .null, .reserved: self
    default: .opt(self)
    }
  }

  /// Both are in ascending order of ids.
  private static func merge(
    _ left: [CandidField], _ right: [CandidField], at path: CodablePath,
    alone: (CandidType) -> CandidType
  ) throws(CandidError) -> [CandidField] {
    var result: [CandidField] = []
    var (left, right) = (left[...], right[...])
    while let first = left.first ?? right.first {
      if let a = left.first, let b = right.first, a.label == b.label {
        let type = try a.type.common(with: b.type, at: path.appending(a.label))
        result.append(CandidField(label: a.label, type: type))
        left.removeFirst()
        right.removeFirst()
      } else if let b = right.first, left.isEmpty || b.label < first.label {
        result.append(CandidField(label: b.label, type: alone(b.type)))
        right.removeFirst()
      } else {
        result.append(CandidField(label: first.label, type: alone(first.type)))
        left.removeFirst()
      }
    }
    return result
  }
}
