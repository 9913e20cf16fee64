import Foundation

/// What `--json` prints.
enum JSONOutput {
  /// One line of JSON on standard output, names in snake case.
  static func print(_ value: some Encodable) throws {
    try StandardStreams.write(line(value))
  }

  static func line(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try Array(encoder.encode(value)) + [UInt8(ascii: "\n")]
  }
}
