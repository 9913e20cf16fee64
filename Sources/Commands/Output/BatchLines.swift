import Foundation

/// Commands that answer JSON lines from standard input, one for one and in order.
enum BatchLines {
  private static let outputBytes = 65_536

  /// - Parameter answer: gives the answer to a line, with the end of its own line.
  static func run(_ answer: ([UInt8]) -> [UInt8]) throws(CommandFailure) {
    var lines = StandardInputLines()
    var output: [UInt8] = []
    while let line = try lines.next() {
      output += answer(line)
      // Whoever waits for an answer before the next question gets it.
      if output.count >= outputBytes || !lines.hasBufferedLine {
        try StandardStreams.write(output)
        output.removeAll(keepingCapacity: true)
      }
    }
    try StandardStreams.write(output)
  }

  /// What is wrong with a line that is not the JSON it should be.
  static func sentence(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): "the field \"\(key.stringValue)\" is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "\(place(context)) has another type than it should: \(context.debugDescription)"
    case .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "the line is no JSON object" : "\(place(context)): \(context.debugDescription)"
    @unknown default: "the line cannot be read"
    }
  }

  private static func place(_ context: DecodingError.Context) -> String {
    let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
    return path.isEmpty ? "the line" : "the field \"\(path.joined(separator: "."))\""
  }
}
