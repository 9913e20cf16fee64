internal import Synchronization

/// Argument lists of Swift values.
///
/// ```swift
/// let body = try CandidArguments.encode("key", UInt64(42))
/// let (key, number) = try CandidArguments.decode(body, as: String.self, UInt64.self)
/// ```
public enum CandidArguments {
  /// The signature of a list of Swift types. Built once for each list and kept: the program has
  /// only so many.
  /// - Throws: `invalidType` or `limitExceeded` when a `candidType` is not well formed.
  public static func signature<each Argument: CandidConvertible>(
    of _: repeat (each Argument).Type
  ) throws(CandidError) -> CandidSignature {
    let key = ObjectIdentifier((repeat each Argument).self)
    if let known = signatures.withLock({ $0[key] }) { return known }
    var types: [CandidType] = []
    repeat types.append((each Argument).candidType)
    let signature = try CandidSignature(types)
    signatures.withLock { $0[key] = signature }
    return signature
  }

  private static let signatures = Mutex<[ObjectIdentifier: CandidSignature]>([:])

  /// The binary message with these arguments.
  /// - Throws: as `CandidBinary.encode`.
  public static func encode<each Argument: CandidConvertible>(
    _ arguments: repeat each Argument
  ) throws(CandidError) -> [UInt8] {
    try CandidBinary.encode(
      values(of: repeat each arguments), as: signature(of: repeat (each Argument).self))
  }

  /// The arguments of a binary message.
  /// - Throws: as `CandidBinary.decode`, and `typeMismatch` for values that a type refuses.
  public static func decode<each Argument: CandidConvertible>(
    _ bytes: [UInt8], as types: repeat (each Argument).Type
  ) throws(CandidError) -> (repeat each Argument) {
    let values = try CandidBinary.decode(bytes, as: signature(of: repeat each types))
    return try convert(values, to: repeat each types)
  }

  /// The Candid values of Swift values.
  public static func values<each Argument: CandidConvertible>(
    of arguments: repeat each Argument
  ) -> [CandidValue] {
    var values: [CandidValue] = []
    repeat values.append((each arguments).candidValue)
    return values
  }

  /// The Swift values of an argument list, which any of the codecs has read.
  /// - Throws: `typeMismatch` for values that a type refuses, or too few of them.
  public static func convert<each Argument: CandidConvertible>(
    _ values: [CandidValue], to _: repeat (each Argument).Type
  ) throws(CandidError) -> (repeat each Argument) {
    var rest = values[...]
    func next<Next: CandidConvertible>(_: Next.Type) throws(CandidError) -> Next {
      try Next(candidValue: rest.popFirst() ?? .null)
    }
    return (repeat try next((each Argument).self))
  }
}
