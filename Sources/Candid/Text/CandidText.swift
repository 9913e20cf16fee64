/// Candid's text format: content type `text/candid`.
public enum CandidText {
  /// Reads an argument list in parentheses, such as `("key", 42)`, at the given types.
  ///
  /// Arguments missing at the end become null where their type allows it, further ones are dropped.
  /// - Throws: `syntax` or `typeMismatch`, with the offset; `limitExceeded` for deep nesting.
  public static func parseArguments(
    _ source: [UInt8], as signature: CandidSignature
  ) throws(CandidError) -> [CandidValue] {
    var parser = try TextParser(source, in: signature.environment)
    let nodes = try parser.argumentNodes()
    var conversion = TextConversion(signature.table, stated: parser.stated.table)
    var values: [CandidValue] = []
    values.reserveCapacity(signature.arguments.count)
    for (index, type) in signature.arguments.enumerated() {
      if index < nodes.count {
        values.append(try conversion.value(nodes[index], as: type))
      } else if let value = try conversion.missing(type, in: signature.table, at: source.count) {
        values.append(value)
      } else {
        throw CandidError(
          .typeMismatch,
          "the argument \(index + 1) of type \(signature.table.name(type)) is missing",
          at: source.count)
      }
    }
    for node in nodes.dropFirst(values.count) { _ = try conversion.inferred(node) }
    return values
  }

  /// Reads arguments, such as `("key", 42)`, as values of these types, as
  /// ``parseArguments(_:as:)`` does.
  public static func parseArguments(
    _ source: String, as types: [CandidType],
    in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) -> [CandidValue] {
    try parseArguments(Array(source.utf8), as: CandidSignature(types, in: environment))
  }

  /// Reads an argument list at the types its form suggests: an integer without annotation is an
  /// `int`, another number a `float64`.
  /// - Throws: `syntax` or `typeMismatch`, with the offset; `limitExceeded` for deep nesting.
  public static func parseArguments(
    _ source: String, in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) -> [CandidValue] {
    var parser = try TextParser(Array(source.utf8), in: environment)
    let nodes = try parser.argumentNodes()
    var conversion = TextConversion(stated: parser.stated.table)
    var values: [CandidValue] = []
    values.reserveCapacity(nodes.count)
    for node in nodes { values.append(try conversion.inferred(node)) }
    return values
  }

  /// The values as an argument list on one line, numbers with their types.
  public static func printCompact(_ values: [CandidValue]) -> [UInt8] {
    var printer = TextPrinter(notesGroups: false, byteCount: Self.byteCount(values))
    printer.arguments(values)
    return printer.bytes
  }

  /// The same, broken into lines of about 80 characters.
  public static func print(_ values: [CandidValue]) -> String {
    var printer = TextPrinter(notesGroups: true, byteCount: Self.byteCount(values))
    printer.arguments(values)
    return String(
      decoding: TextLayout.lines(printer.bytes, printer.groups), as: UTF8.self)
  }

  private static func byteCount(_ values: [CandidValue]) -> Int {
    values.reduce(16) { $0 + $1.outerByteCount }
  }

  /// Reads one type. Names in it are checked against `environment`, when there is one.
  /// - Throws: `syntax`, or `invalidType` for an unknown name, with the offset.
  public static func parseType(
    _ source: String, in environment: CandidTypeEnvironment? = nil
  ) throws(CandidError) -> CandidType {
    var parser = try TextParser(Array(source.utf8))
    let type = try parser.type()
    try parser.expectEnd()
    try environment?.check(parser.typeNames)
    return type
  }

  /// Reads types in parentheses, such as `(text, opt nat)`.
  /// - Throws: `syntax`, or `invalidType` for an unknown name, with the offset.
  public static func parseTypes(
    _ source: String, in environment: CandidTypeEnvironment? = nil
  ) throws(CandidError) -> [CandidType] {
    var parser = try TextParser(Array(source.utf8))
    let types = try parser.tuple()
    try parser.expectEnd()
    try environment?.check(parser.typeNames)
    return types
  }
}
