/// Candid's text format: content type `text/candid`.
public enum CandidText {
  /// Reads an argument list in parentheses, such as `("key", 42)`, at the given types.
  ///
  /// Arguments missing at the end become null where their type allows it, further ones are dropped.
  /// - Throws: `syntax` or `typeMismatch`, with the offset; `limitExceeded` for deep nesting.
  public static func parseArguments(
    _ source: [UInt8], as signature: CandidSignature
  ) throws(CandidError) -> [CandidValue] {
    var parser = try TextParser(source)
    let nodes = try parser.argumentNodes()
    let conversion = TextConversion(signature)
    var values: [CandidValue] = []
    values.reserveCapacity(signature.arguments.count)
    for (index, type) in signature.arguments.enumerated() {
      if index < nodes.count {
        values.append(try conversion.value(nodes[index], as: type))
      } else if signature.table.hasDefault(type) {
        let missing = TextNode(offset: source.count, content: .null)
        values.append(try conversion.value(missing, as: type))
      } else {
        throw CandidError(
          .typeMismatch,
          "the argument \(index + 1) of type \(signature.table.name(type)) is missing",
          at: source.count)
      }
    }
    return values
  }

  public static func parseArguments(
    _ source: String, as types: [CandidType],
    in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) -> [CandidValue] {
    try parseArguments(Array(source.utf8), as: CandidSignature(types, in: environment))
  }

  /// Reads an argument list at the types its form suggests: an integer without annotation is an
  /// `int`, another number a `float64`.
  /// - Throws: `syntax` or `typeMismatch`, with the offset; `limitExceeded` for deep nesting.
  public static func parseArguments(_ source: String) throws(CandidError) -> [CandidValue] {
    var parser = try TextParser(Array(source.utf8))
    var values: [CandidValue] = []
    for node in try parser.argumentNodes() { values.append(try node.inferred()) }
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

  /// Reads one type.
  /// - Throws: `syntax` with the offset.
  public static func parseType(_ source: String) throws(CandidError) -> CandidType {
    var parser = try TextParser(Array(source.utf8))
    let type = try parser.type()
    try parser.expectEnd()
    return type
  }

  /// Reads types in parentheses, such as `(text, opt nat)`.
  /// - Throws: `syntax` with the offset.
  public static func parseTypes(_ source: String) throws(CandidError) -> [CandidType] {
    var parser = try TextParser(Array(source.utf8))
    let types = try parser.tuple()
    try parser.expectEnd()
    return types
  }
}
