/// An enumeration that is a Candid variant: it lists its cases, and has the rest for nothing.
///
/// ```swift
/// enum Outcome: Hashable, CandidVariant {
///   case done
///   case failed(String)
///
///   static let candidCases = CandidCases<Outcome>(
///     .case("Done", .done),
///     .case("Failed", Outcome.failed) {
///       if case .failed(let reason) = $0 { reason } else { nil }
///     })
/// }
/// ```
public protocol CandidVariant: CandidConvertible {
  /// To be stored in a `static let`; made once.
  static var candidCases: CandidCases<Self> { get }
}

extension CandidVariant {
  public static func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    types.named(Self.self) { candidCases.candidType(in: &$0) }
  }

  public func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    try Self.candidCases.encode(self, into: &encoder)
  }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try Self.candidCases.decode(from: &decoder)
  }
}

/// An enumeration of words is a variant whose cases have no values, named by the raw values.
extension CandidVariant where Self: RawRepresentable<String> & CaseIterable & Equatable {
  public static var candidCases: CandidCases<Self> {
    CandidCases(allCases.map { .case(CandidLabel($0.rawValue), $0) })
  }
}

/// The cases of an enumeration.
public final class CandidCases<Root: Sendable>: Sendable {
  /// A case, the type of its value forgotten.
  public struct Case: Sendable {
    let label: CandidLabel
    let type: @Sendable (inout CandidTypeBuilder) -> CandidType
    /// Writes the index of the case, and the value; false when the value is of another case.
    let encode: @Sendable (Root, Int, inout CandidEncoder) throws(CandidError) -> Bool
    let decode: @Sendable (inout CandidDecoder) throws(CandidError) -> Root

    /// A case with a value.
    /// - Parameters:
    ///   - label: the case's name or number.
    ///   - make: the case itself, which makes it of its value.
    ///   - value: the value when it is of this case, else nil.
    public static func `case`<Value: CandidConvertible>(
      _ label: CandidLabel, _ make: @escaping @Sendable (Value) -> Root,
      _ value: @escaping @Sendable (Root) -> Value?
    ) -> Case {
      Case(
        label: label, type: { $0.type(of: Value.self) },
        encode: { (root, index, encoder) throws(CandidError) in
          guard let value = value(root) else { return false }
          encoder.write(leb128: UInt64(index))
          try value.encode(into: &encoder)
          return true
        },
        decode: { (decoder) throws(CandidError) in make(try Value(from: &decoder)) })
    }

    /// A case without a value, which is `null`.
    /// - Parameters:
    ///   - label: the case's name or number.
    ///   - only: its only value.
    ///   - isThis: whether a value is of this case.
    public static func `case`(
      _ label: CandidLabel, _ only: Root, _ isThis: @escaping @Sendable (Root) -> Bool
    ) -> Case {
      Case(
        label: label, type: { _ in .null },
        encode: { (root, index, encoder) throws(CandidError) in
          guard isThis(root) else { return false }
          encoder.write(leb128: UInt64(index))
          return true
        },
        decode: { (_) throws(CandidError) in only })
    }

    /// A case without a value, which is `null`.
    public static func `case`(_ label: CandidLabel, _ only: Root) -> Case
    where Root: Equatable {
      .case(label, only) { $0 == only }
    }
  }

  /// In the order of their ids, by which they are numbered in a message.
  private let cases: [Case]

  /// The cases, in any order; cases of equal ids are an error that the first use of the type
  /// reports.
  public convenience init(_ cases: Case...) { self.init(cases) }

  /// - Parameter cases: in any order; cases of equal ids are an error that the first use of the
  ///   type reports.
  public init(_ cases: [Case]) {
    self.cases = cases.sorted { $0.label < $1.label }
  }

  func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    .variant(cases.map { CandidField(label: $0.label, type: $0.type(&types)) })
  }

  func encode(_ root: Root, into encoder: inout CandidEncoder) throws(CandidError) {
    try encoder.enter()
    var index = 0
    while index < cases.count {
      if try cases[index].encode(root, index, &encoder) { return encoder.leave() }
      index += 1
    }
    throw CandidError(
      .typeMismatch, "\(Root.self) has a case that its candidCases do not list; add it there")
  }

  func decode(from decoder: inout CandidDecoder) throws(CandidError) -> Root {
    try decoder.enter()
    let root = try cases[try decoder.caseIndex(below: cases.count)].decode(&decoder)
    decoder.leave()
    return root
  }
}
