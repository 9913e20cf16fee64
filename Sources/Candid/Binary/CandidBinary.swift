/// Candid's binary format: content type `application/candid`.
public enum CandidBinary {
  /// The message with these values, in the shortest form, in memory of exactly its size.
  ///
  /// Linear in the size of the result.
  /// - Throws: `typeMismatch` when a value is not of its type; a record may lack fields of types
  ///   opt, null and reserved, which are then sent as null. `limitExceeded` for values nested too
  ///   deeply.
  public static func encode(
    _ values: [CandidValue], as signature: CandidSignature
  ) throws(CandidError) -> [UInt8] {
    let types = signature.arguments
    guard values.count == types.count else {
      throw CandidError(
        .typeMismatch, "expected \(types.count) values, not \(values.count)")
    }
    let writer = BinaryWriter(table: signature.table)
    return try CandidEncoder.message(of: signature) { (encoder) throws(CandidError) in
      for index in types.indices {
        try writer.write(values[index], as: types[index], into: &encoder)
      }
    }
  }

  /// The message with these values at these types, as ``encode(_:as:)`` makes it. Who encodes more
  /// than once at the same types makes a ``CandidSignature`` of them.
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
  /// Linear in the size of the message, within `limits`. The message is checked to its end before
  /// memory is taken for any value.
  /// - Throws: `malformed` for bytes that are no message; `typeMismatch` when a value cannot be
  ///   coerced; `limitExceeded`. The offset tells where.
  public static func decode(
    _ bytes: [UInt8], as signature: CandidSignature, limits: CandidLimits = .standard
  ) throws(CandidError) -> [CandidValue] {
    let sameTypes = try bytes.withUnsafeBufferPointer {
      (bytes) throws(CandidError) -> [CandidValue]? in
      var cursor = ByteCursor(UnsafeRawBufferPointer(bytes))
      guard cursor.skipPrefix(signature.header) else { return nil }
      return try read(
        cursor, (signature.table, signature.arguments), signature.layout, limits: limits)
    }
    if let sameTypes { return sameTypes }
    return try signature.coerced(bytes, limits: limits).withUnsafeBufferPointer {
      (bytes) throws(CandidError) in
      try BinaryReader.read(
        signature.arguments, of: signature.table, from: ByteCursor(UnsafeRawBufferPointer(bytes)))
    }
  }

  /// The values of a message, each coerced to its type, as ``decode(_:as:limits:)`` reads them.
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
    try bytes.withUnsafeBufferPointer { (bytes) throws(CandidError) in
      var cursor = ByteCursor(UnsafeRawBufferPointer(bytes))
      let wire = try BinaryHeaderReader.read(&cursor, limits: limits)
      return try read(cursor, wire, TypeLayout(wire.table), limits: limits)
    }
  }

  /// Values in the form of the types that are wanted: checked, then built.
  private static func read(
    _ cursor: ByteCursor, _ wire: (table: TypeTable, arguments: [TypeReference]),
    _ layout: TypeLayout, limits: CandidLimits
  ) throws(CandidError) -> [CandidValue] {
    var skipper = try ValueSkipper(
      cursor, layout, limits: limits, headerCost: 4 * cursor.position)
    for type in wire.arguments {
      try skipper.charge(type)
      try skipper.skip(type, depth: limits.depth)
    }
    try skipper.finish()
    return try BinaryReader.read(wire.arguments, of: wire.table, from: cursor)
  }
}
