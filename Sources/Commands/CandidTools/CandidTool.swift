import Candid

/// What the `candid` commands do, apart from their input and output.
struct CandidTool {
  let interface: CandidInterface
  /// The types of the arguments; nil for those that the values have by themselves.
  let signature: CandidSignature?

  /// Which of a method's types are meant.
  enum MethodPart {
    case parameters, results
  }

  /// - Parameters:
  ///   - definitions: the source of a `.did` file, or nothing. It cannot import others.
  ///   - types: types in parentheses.
  init(definitions: String, types: String?) throws(CandidFailure) {
    let source = Array(definitions.utf8)
    let interface = try CandidFailure.located(.text(name: "defs", source)) {
      () throws(CandidError) in try CandidInterface(parsing: source)
    }
    try self.init(interface: interface, types: types)
  }

  init(interface: CandidInterface, types: String?) throws(CandidFailure) {
    self.interface = interface
    guard let types else {
      signature = nil
      return
    }
    signature = try CandidFailure.located(.text(name: "type", Array(types.utf8))) {
      () throws(CandidError) in
      try CandidSignature(
        CandidText.parseTypes(types, in: interface.environment), in: interface.environment)
    }
  }

  /// With the types of one of the service's methods.
  init(
    interface: CandidInterface, method: String, part: MethodPart
  ) throws(CandidFailure) {
    guard let function = interface.method(method) else {
      throw CandidFailure("the service of the .did file has no method \(method)")
    }
    self.interface = interface
    signature = try CandidFailure.located(.unplaced(name: "method \(method)")) {
      () throws(CandidError) in
      try CandidSignature(
        part == .parameters ? function.parameters : function.results, in: interface.environment)
    }
  }

  /// The binary message of an argument list in text.
  func encode(_ text: String) throws(CandidFailure) -> [UInt8] {
    let source = Array(text.utf8)
    return try CandidFailure.located(.text(name: "value", source)) { () throws(CandidError) in
      guard let signature else {
        return try CandidBinary.encode(
          CandidText.parseArguments(text, in: interface.environment))
      }
      return try CandidBinary.encode(
        CandidText.parseArguments(source, as: signature), as: signature)
    }
  }

  /// The values of a binary message.
  func decode(_ bytes: [UInt8]) throws(CandidFailure) -> [CandidValue] {
    try CandidFailure.located(.bytes(name: "hex", bytes)) { () throws(CandidError) in
      guard let signature else { return try CandidBinary.decode(bytes) }
      return try CandidBinary.decode(bytes, as: signature)
    }
  }

  /// Whether every value of `a` can be read as one of `b`, and if not, why. Both are types, or
  /// lists of types in parentheses.
  func compare(_ a: String, with b: String) throws(CandidFailure) -> String? {
    let left = try type(a, named: "a")
    let right = try type(b, named: "b")
    return try CandidFailure.located(.unplaced(name: "types")) { () throws(CandidError) in
      if try left.isSubtype(of: right, in: interface.environment) { return nil }
      return try left.reasonAgainstSubtype(of: right, in: interface.environment) ?? ""
    }
  }

  /// A list of types stands as a function's results, which are compared as arguments are.
  private func type(_ text: String, named name: String) throws(CandidFailure) -> CandidType {
    try CandidFailure.located(.text(name: name, Array(text.utf8))) { () throws(CandidError) in
      guard text.utf8.first(where: { $0 > 0x20 }) == UInt8(ascii: "(") else {
        return try CandidText.parseType(text, in: interface.environment)
      }
      return .function(
        CandidFunction([], try CandidText.parseTypes(text, in: interface.environment)))
    }
  }

  /// What keeps clients of the interface `old` from calling this one; empty when nothing does.
  func upgradeProblems(from old: CandidInterface) throws(CandidFailure) -> [String] {
    try CandidFailure.located(.unplaced(name: "services")) { () throws(CandidError) in
      try interface.upgradeProblems(from: old)
    }
  }

  /// The bytes of a message in hexadecimal, perhaps with space around it.
  static func message(hex: String) throws(CandidFailure) -> [UInt8] {
    let digits = hex.utf8.drop { $0 <= 0x20 }
    let end = digits.lastIndex { $0 > 0x20 }.map { digits.index(after: $0) }
    let text = String(digits[..<(end ?? digits.startIndex)]) ?? ""
    if let bytes = HexDigits.bytes(text) { return bytes }
    let source = Array(text.utf8)
    let wrong = source.firstIndex { !UnicodeScalar($0).properties.isASCIIHexDigit }
    throw CandidFailure(
      wrong == nil
        ? "the last of the hexadecimal digits is alone; a byte has two"
        : "the message is written in pairs of hexadecimal digits",
      in: .text(name: "hex", source), at: wrong ?? source.count)
  }
}
