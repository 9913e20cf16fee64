import Foundation
import Testing

/// Test vectors made with the reference implementation.
enum Vectors {
  struct Encoding: Decodable, Sendable {
    let defs: String
    let type: String
    let value: String
    let hex: String
    let rust_text: String
  }

  struct Decoding: Decodable, Sendable {
    let defs: String
    let type: String
    let hex: String
    let rust: String?
    let rejected: Bool
  }

  struct Subtyping: Decodable, Sendable {
    let defs: String
    let a: String
    let b: String
    let subtype: Bool
    let without_special_opt_rule: Bool
  }

  static func source(_ name: String) throws -> String {
    let folder = try #require(Bundle.module.url(forResource: "Vectors", withExtension: nil))
    return try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
  }

  static func load<Row: Decodable>(_ name: String, of _: Row.Type) throws -> [Row] {
    try JSONDecoder().decode([Row].self, from: Data(source(name).utf8))
  }
}

func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

func bytes(_ hex: String) -> [UInt8] {
  let digits = Array(hex.utf8)
  return stride(from: 0, to: digits.count, by: 2).compactMap {
    UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
  }
}

/// The reference prints the character zero as `\0`, which its own grammar does not read, and the
/// keywords `true` and `false` as names without quotation marks, and gives up on spaces before
/// braces below a certain depth.
func readable(_ rust: String) -> String {
  var result = ""
  var rest = Substring(rust)
  while let quote = rest.firstIndex(of: "\"") {
    let isBlob = rest[..<quote].hasSuffix("blob ")
    result += rest[...quote].replacing(";}", with: " }").replacing(
      #/\b(true|false) =/#, with: { "\"\($0.1)\" =" })
    rest = rest[rest.index(after: quote)...]
    while let character = rest.first, character != "\"" {
      let count = character == "\\" ? 2 : 1
      let piece = rest.prefix(count)
      result += piece == "\\0" && !isBlob ? "\\u{0}" : piece
      rest = rest.dropFirst(count)
    }
    result += "\""
    rest = rest.dropFirst()
  }
  return result
    + rest.replacing(";}", with: " }").replacing(
      #/\b(true|false) =/#, with: { "\"\($0.1)\" =" })
}
