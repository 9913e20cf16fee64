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
    var writer = BinaryWriter(table: signature.table, bytes: signature.header)
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
}
