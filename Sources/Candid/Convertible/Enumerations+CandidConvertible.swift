/// An enumeration of words is a variant whose cases have no values, named by the raw values.
extension CandidConvertible where Self: RawRepresentable<String> & CaseIterable {
  public static var candidType: CandidType {
    let cases = allCases.map { CandidField($0.rawValue, .null) }
    return .variant(cases.sorted { $0.label < $1.label })
  }

  public var candidValue: CandidValue { .variant(rawValue) }

  public init(candidValue: CandidValue) throws(CandidError) {
    let chosen = try CandidVariant(candidValue)
    guard let value = Self(rawValue: chosen.tag) else { throw chosen.unknownCase }
    self = value
  }
}
