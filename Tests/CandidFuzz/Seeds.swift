import Foundation

/// Writes the test vectors as inputs for a fuzzer: `seeds VECTORS FUZZER FOLDER`. A program of its
/// own.
@main
enum Seeds {
  private struct Row: Decodable {
    let defs: String?
    let type: String?
    let value: String?
    let hex: String?
    let a: String?
    let b: String?
  }

  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4 else {
      print("usage: seeds VECTORS FUZZER FOLDER")
      exit(64)
    }
    let vectors = URL(fileURLWithPath: arguments[1], isDirectory: true)
    let folder = URL(fileURLWithPath: arguments[3], isDirectory: true)
    var inputs: [[UInt8]] = []
    for file in try FileManager.default.contentsOfDirectory(
      at: vectors, includingPropertiesForKeys: nil)
    {
      let content = try Data(contentsOf: file)
      if file.pathExtension == "json" {
        // The fuzzer finds out quickly what a few hundred rows teach it.
        for row in try JSONDecoder().decode([Row].self, from: content).prefix(300) {
          inputs += self.inputs(row, for: arguments[2])
        }
      } else {
        inputs += self.inputs(String(decoding: content, as: UTF8.self), for: arguments[2])
      }
    }
    for (index, input) in inputs.enumerated() {
      try Data(input).write(to: folder.appendingPathComponent("seed-\(index)"))
    }
  }

  private static func inputs(_ row: Row, for fuzzer: String) -> [[UInt8]] {
    let definitions = Array((row.defs ?? "").utf8)
    let types = [row.type, row.a, row.b].compactMap { $0 }
    func request(_ content: [UInt8]) -> [[UInt8]] {
      types.prefix(1).map { [255] + definitions + [0] + Array($0.utf8) + [0] + content }
    }
    switch fuzzer {
    case "decoder":
      guard let message = row.hex.map(bytes) else { return [] }
      return request(message) + [[0] + message]
    case "text":
      let typeTexts = types.map { [0] + Array($0.utf8) }
      guard let value = row.value.map({ Array($0.utf8) }) else { return typeTexts }
      return request(value) + [[0] + value] + typeTexts
    default:
      let names = types.enumerated().map { index, type in
        let isList = type.hasPrefix("(")
        return "  \"m \(index)\" : \(isList ? type : "(\(type))") -> () query;\n"
      }
      return [definitions + Array("\nservice s : (text) -> {\n\(names.joined())}".utf8)]
    }
  }

  /// What an official test file asserts, line by line: messages, or values as text.
  private static func inputs(_ tests: String, for fuzzer: String) -> [[UInt8]] {
    let lines = tests.split(separator: "\n")
    let definitions = lines.filter { $0.hasPrefix("type ") }.joined(separator: "\n")
    let asserts = lines.filter { $0.hasPrefix("assert ") }
    if fuzzer == "did" {
      return [Array("\(definitions)\nservice : { f : () -> (Vec) }".utf8), Array(definitions.utf8)]
    }
    return asserts.compactMap { line in
      let quoted = line.split(separator: "\"", omittingEmptySubsequences: false)
      let types = line.split(separator: ":", maxSplits: 1).last?.split(separator: "\"").first
      guard quoted.count > 2, let types else { return nil }
      let content = fuzzer == "text" ? Array(quoted[1].utf8) : unescaped(quoted[1])
      return [255] + Array(definitions.utf8) + [0] + Array(types.utf8) + [0] + content
    }
  }

  private static func unescaped(_ text: Substring) -> [UInt8] {
    let parts = text.split(separator: "\\", omittingEmptySubsequences: false)
    return Array((parts.first ?? "").utf8)
      + parts.dropFirst().flatMap { bytes(String($0.prefix(2))) + Array($0.dropFirst(2).utf8) }
  }

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
  }
}
