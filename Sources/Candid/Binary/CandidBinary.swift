/// Candid's binary format: content type `application/candid`.
public enum CandidBinary {
  /// The message with these values, in the shortest form.
  ///
  /// Linear in the size of the result.
  /// - Throws: `typeMismatch` when a value is not of its type; a record may lack fields of types
  ///   opt, null and reserved, which are then sent as null. `limitExceeded` for values nested too
  ///   deeply.
  public static func encode(
    _ values: [CandidValue], as signature: CandidSignature
  ) throws(CandidError) -> [UInt8] {
    guard values.count == signature.arguments.count else {
      throw CandidError(
        .typeMismatch, "expected \(signature.arguments.count) values, not \(values.count)")
    }
    var writer = BinaryWriter(table: signature.table, bytes: [])
    // Room for the texts and blobs that most messages consist of, so that the bytes move once.
    let size = values.reduce(signature.header.count + 32) { $0 + $1.outerByteCount }
    writer.bytes.reserveCapacity(size)
    writer.bytes.append(contentsOf: signature.header)
    for (value, type) in zip(values, signature.arguments) {
      try writer.write(value, as: type, depth: CandidLimits.standard.depth)
    }
    return writer.bytes
  }

  public static func encode(
    _ values: [CandidValue], as types: [CandidType],
    in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) -> [UInt8] {
    try encode(values, as: CandidSignature(types, in: environment))
  }

  /// The values of a message, each coerced to its type by the rules of subtyping: unknown fields
  /// and further values are dropped, missing optional ones are null, and an optional value of
  /// another type is null.
  ///
  /// Linear in the size of the message, within `limits`.
  /// - Throws: `malformed` for bytes that are no message; `typeMismatch` when a value cannot be
  ///   coerced; `limitExceeded`. The offset tells where.
  public static func decode(
    _ bytes: [UInt8], as signature: CandidSignature, limits: CandidLimits = .standard
  ) throws(CandidError) -> [CandidValue] {
    try bytes.withUnsafeBufferPointer { (buffer) throws(CandidError) in
      try BinaryReader.read(UnsafeRawBufferPointer(buffer), as: signature, limits: limits)
    }
  }

  public static func decode(
    _ bytes: [UInt8], as types: [CandidType],
    in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) -> [CandidValue] {
    try decode(bytes, as: CandidSignature(types, in: environment))
  }

  /// The message with these values at the types that they have by themselves.
  /// - Throws: `typeMismatch` when the elements of a `vec` have different types.
  public static func encode(_ values: [CandidValue]) throws(CandidError) -> [UInt8] {
    try encode(values, as: CandidSignature(values.map(\.inferredType)))
  }

  /// The values of a message at the types that it states. Field labels are numbers only.
  /// - Throws: `malformed` and `limitExceeded`, with the offset.
  public static func decode(
    _ bytes: [UInt8], limits: CandidLimits = .standard
  ) throws(CandidError) -> [CandidValue] {
    try bytes.withUnsafeBufferPointer { (buffer) throws(CandidError) in
      try BinaryReader.read(UnsafeRawBufferPointer(buffer), as: nil, limits: limits)
    }
  }
}
