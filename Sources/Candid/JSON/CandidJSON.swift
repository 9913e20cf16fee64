/// Candid values as JSON: content type `application/json`.
///
/// | Candid | JSON |
/// |---|---|
/// | record | object by field names, numeric ids in decimal |
/// | variant | `{"Tag": value}`; reading also takes `"Tag"` for a case without a value |
/// | opt | null or the value; in `[…]` where the value's type has null itself |
/// | vec | array; blob is base64 (reading also takes an array of numbers) |
/// | nat, int and those of fixed width | number up to 2^53 - 1, beyond that a decimal string |
/// | float | number, or `"NaN"`, `"Infinity"`, `"-Infinity"` |
/// | principal, service | the principal's text |
/// | func | `{"service": …, "method": …}` |
/// | null, reserved | null |
public enum CandidJSON {
  /// Reads an argument list: an array of the arguments, or a single argument by itself. An array
  /// that is no argument list is taken as the single argument, where there is only one.
  ///
  /// Arguments missing at the end become null where their type allows it.
  /// - Throws: `malformed` for bytes that are no JSON, `typeMismatch`, `limitExceeded`, with the
  ///   offset.
  public static func readArguments(
    _ source: [UInt8], as signature: CandidSignature, limits: CandidLimits = .standard
  ) throws(CandidError) -> [CandidValue] {
    let node = try JSONParser.parse(source, limits: limits)
    guard case .array(let elements) = node.content else {
      if case .null = node.content, signature.arguments.isEmpty { return [] }
      return try list([node], as: signature, at: source.count)
    }
    do {
      return try list(elements, as: signature, at: source.count)
    } catch {
      guard signature.arguments.count == 1, signature.arguments[0].code >= 0 else { throw error }
      do {
        return try list([node], as: signature, at: source.count)
      } catch let second {
        // The reading that came further is the one that was meant.
        let isList = elements.count == 1 && error.offset ?? 0 >= second.offset ?? 0
        throw isList ? error : second
      }
    }
  }

  /// Reads results: null for none, a single one by itself, several as an array.
  /// - Throws: as `readArguments`.
  public static func readResults(
    _ source: [UInt8], as signature: CandidSignature, limits: CandidLimits = .standard
  ) throws(CandidError) -> [CandidValue] {
    let node = try JSONParser.parse(source, limits: limits)
    switch signature.arguments.count {
    case 0: return []
    case 1: return try list([node], as: signature, at: source.count)
    default:
      guard case .array(let elements) = node.content else {
        throw CandidError(.typeMismatch, "several results are an array", at: node.offset)
      }
      return try list(elements, as: signature, at: source.count)
    }
  }

  /// The arguments as an array.
  public static func writeArguments(_ values: [CandidValue]) -> [UInt8] {
    var writer = JSONWriter()
    writer.bytes.reserveCapacity(values.reduce(16) { $0 + $1.outerByteCount })
    writer.array(values)
    return writer.bytes
  }

  /// Results: null for none, a single one by itself, several as an array.
  public static func writeResults(_ values: [CandidValue]) -> [UInt8] {
    var writer = JSONWriter()
    writer.bytes.reserveCapacity(values.reduce(16) { $0 + $1.outerByteCount })
    if values.count == 1 {
      writer.value(values[0])
    } else if values.isEmpty {
      writer.value(.null)
    } else {
      writer.array(values)
    }
    return writer.bytes
  }

  /// Reads JSON whose types nobody told: objects become records of their members, in the order in
  /// which they are written.
  /// - Throws: `malformed` for bytes that are no JSON, `limitExceeded` for deep nesting.
  package static func readValue(
    _ source: [UInt8], limits: CandidLimits = .standard
  ) throws(CandidError) -> CandidValue {
    value(try JSONParser.parse(source, limits: limits))
  }

  private static func value(_ node: JSONNode) -> CandidValue {
    switch node.content {
    case .null: .null
    case .bool(let flag): .bool(flag)
    case .number(let digits):
      Int64(String(decoding: digits, as: UTF8.self)).map { .int64($0) }
        ?? .float64(Double(String(decoding: digits, as: UTF8.self)) ?? .nan)
    case .string(let text): .text(text)
    case .array(let elements): .vec(elements.map(value))
    case .object(let members): .record(members.map { CandidFieldValue($0.name, value($0.value)) })
    }
  }

  private static func list(
    _ nodes: [JSONNode], as signature: CandidSignature, at end: Int
  ) throws(CandidError) -> [CandidValue] {
    let types = signature.arguments
    guard nodes.count <= types.count else {
      throw CandidError(
        .typeMismatch, "\(nodes.count) arguments are given, \(types.count) are expected",
        at: nodes[types.count].offset)
    }
    let conversion = JSONConversion(table: signature.table)
    var values: [CandidValue] = []
    values.reserveCapacity(types.count)
    for (index, type) in types.enumerated() {
      if index < nodes.count {
        values.append(try conversion.value(nodes[index], as: type))
      } else if signature.table.hasDefault(type) {
        values.append(try conversion.value(JSONNode(offset: end, content: .null), as: type))
      } else {
        throw CandidError(
          .typeMismatch,
          "the argument \(index + 1) of type \(signature.table.name(type)) is missing", at: end)
      }
    }
    return values
  }
}
