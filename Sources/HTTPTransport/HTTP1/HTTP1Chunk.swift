/// Writes the chunks of a body whose length is not known (RFC 9112 section 7.1).
enum HTTP1Chunk {
  /// The most bytes around a chunk's data: its size in 16 digits, and two ends of lines.
  static let overhead = 20

  /// Writes all of `data` as one chunk; there must be room for it and ``overhead``.
  static func write(_ data: UnsafeRawBufferPointer, to output: inout OutputCursor) {
    append(String(data.count, radix: 16), to: &output)
    append("\r\n", to: &output)
    _ = output.append(data)
    append("\r\n", to: &output)
  }

  /// The chunk of no bytes, which ends the body, and no trailers.
  static func writeLast(to output: inout OutputCursor) {
    append("0\r\n\r\n", to: &output)
  }

  private static func append(_ text: String, to output: inout OutputCursor) {
    var text = text
    text.withUTF8 { _ = output.append(UnsafeRawBufferPointer($0)) }
  }
}
