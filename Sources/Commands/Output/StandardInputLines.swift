import Glibc

/// The lines of standard input, as they come.
struct StandardInputLines {
  private var buffer: [UInt8] = []
  private var position = 0
  private var isAtEnd = false

  private static let longestLine = 64 << 20

  /// Whether the next line is here already.
  var hasBufferedLine: Bool { buffer[position...].contains(UInt8(ascii: "\n")) }

  /// The next line without its end, nil when there are no more.
  mutating func next() throws(CommandFailure) -> [UInt8]? {
    var searched = position
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { position = end + 1 }
        return Array(buffer[position..<end])
      }
      if isAtEnd {
        defer { position = buffer.count }
        return position < buffer.count ? Array(buffer[position...]) : nil
      }
      guard buffer.count - position <= StandardInputLines.longestLine else {
        throw CommandFailure("a line is longer than \(StandardInputLines.longestLine) bytes")
      }
      searched = buffer.count - position
      buffer.removeFirst(position)
      position = 0
      try fill()
    }
  }

  private mutating func fill() throws(CommandFailure) {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    var count: Int
    repeat {
      count = read(STDIN_FILENO, &chunk, chunk.count)
    } while count < 0 && errno == EINTR
    guard count >= 0 else {
      throw CommandFailure("standard input cannot be read: \(String(cString: strerror(errno)))")
    }
    isAtEnd = count == 0
    buffer.append(contentsOf: chunk[..<count])
  }
}
