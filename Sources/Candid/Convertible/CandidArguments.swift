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
  @inlinable
  public static func signature<each Argument: CandidConvertible>(
    of types: repeat (each Argument).Type
  ) throws(CandidError) -> CandidSignature {
    if let known = SignatureCache.shared.signature(of: SignatureCache.Key(repeat each types)) {
      return known
    }
    return try makeSignature(of: repeat each types)
  }

  @usableFromInline
  static func makeSignature<each Argument: CandidConvertible>(
    of metatypes: repeat (each Argument).Type
  ) throws(CandidError) -> CandidSignature {
    var builder = CandidTypeBuilder()
    var types: [CandidType] = []
    repeat types.append(builder.type(of: (each Argument).self))
    let signature = try CandidSignature(types, in: builder.environment)
    SignatureCache.shared.insert(signature, for: SignatureCache.Key(repeat each metatypes))
    return signature
  }

  /// The binary message with these arguments, in memory of exactly its size.
  /// - Throws: `typeMismatch` or `limitExceeded` when a value cannot be written at its type.
  @inlinable
  public static func encode<each Argument: CandidConvertible>(
    _ arguments: repeat each Argument
  ) throws(CandidError) -> [UInt8] {
    let signature = try signature(of: repeat (each Argument).self)
    return try CandidEncoder.message(of: signature) { (encoder) throws(CandidError) in
      repeat try (each arguments).encode(into: &encoder)
    }
  }

  /// The same for two arguments, and below for one: a list of known length is several times as fast
  /// to walk over as a pack.
  @inlinable
  public static func encode<First: CandidConvertible, Second: CandidConvertible>(
    _ first: First, _ second: Second
  ) throws(CandidError) -> [UInt8] {
    let signature = try signature(of: First.self, Second.self)
    return try CandidEncoder.message(of: signature) { (encoder) throws(CandidError) in
      try first.encode(into: &encoder)
      try second.encode(into: &encoder)
    }
  }

  /// The message with one argument.
  /// - Throws: as the argument's `encode(into:)`.
  @inlinable
  public static func encode<Argument: CandidConvertible>(
    _ argument: Argument
  ) throws(CandidError) -> [UInt8] {
    let signature = try signature(of: Argument.self)
    return try CandidEncoder.message(of: signature) { (encoder) throws(CandidError) in
      try argument.encode(into: &encoder)
    }
  }

  /// The arguments of a binary message.
  ///
  /// A message whose header is exactly that of these types is read as it lies. Any other is coerced
  /// to these types first, by a plan that is kept for the next message with the same header.
  /// - Throws: as `CandidBinary.decode`, and `typeMismatch` for values that a type refuses.
  @inlinable
  public static func decode<each Argument: CandidConvertible>(
    _ bytes: [UInt8], limits: CandidLimits = .standard, as types: repeat (each Argument).Type
  ) throws(CandidError) -> (repeat each Argument) {
    let signature = try signature(of: repeat each types)
    return try signature.read(bytes, limits: limits) { (decoder) throws(CandidError) in
      (repeat try (each Argument)(from: &decoder))
    }
  }

  /// The same, with the first argument apart from the others.
  package static func decode<First: CandidConvertible, each Argument: CandidConvertible>(
    _ bytes: [UInt8], first: First.Type, rest: repeat (each Argument).Type
  ) throws(CandidError) -> (first: First, rest: (repeat each Argument)) {
    let signature = try signature(of: first, repeat each rest)
    return try signature.read(bytes, limits: .standard) { (decoder) throws(CandidError) in
      let first = try First(from: &decoder)
      return (first, (repeat try (each Argument)(from: &decoder)))
    }
  }

  /// The Candid values of Swift values.
  /// - Throws: as `encode`.
  public static func values<each Argument: CandidConvertible>(
    of arguments: repeat each Argument
  ) throws(CandidError) -> [CandidValue] {
    try CandidBinary.decode(
      encode(repeat each arguments), as: signature(of: repeat (each Argument).self),
      limits: .unlimited)
  }

  /// The Swift values of an argument list, which any of the codecs has read.
  /// - Throws: `typeMismatch` for values that a type refuses.
  public static func convert<each Argument: CandidConvertible>(
    _ values: [CandidValue], to types: repeat (each Argument).Type
  ) throws(CandidError) -> (repeat each Argument) {
    let message = try CandidBinary.encode(values, as: signature(of: repeat each types))
    return try decode(message, limits: .unlimited, as: repeat each types)
  }
}
