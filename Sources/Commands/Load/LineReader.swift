import Glibc

/// The lines of a file, in order, without reading more of it than is needed.
struct LineReader {
  /// A line without its end.
  struct Line: Hashable {
    /// From 1.
    var number: UInt64
    var bytes: [UInt8]
    /// Where the next line begins, in bytes from the file's start.
    var end: UInt64
  }

  /// The file's size when it was opened.
  let size: UInt64
  private let file: OpenFile
  private let path: String
  private var buffer: [UInt8] = []
  private var position = 0
  private var number: UInt64 = 0
  private var offset: UInt64 = 0
  private var isAtEnd = false
  /// The first line ends in CR LF, so CR belongs to the ends of lines.
  private var hasCarriageReturns = false

  static let longestLine = 32 << 20
  private static let chunk = 262_144

  private final class OpenFile {
    let descriptor: Int32
    init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }
  }

  /// - Throws: `CommandFailure` when the file cannot be opened or is no regular file.
  init(path: String) throws(CommandFailure) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CommandFailure("\(path) cannot be opened: \(String(cString: strerror(errno)))")
    }
    file = OpenFile(descriptor)
    self.path = path
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw CommandFailure("\(path) is no regular file; an interrupted load could not go on")
    }
    size = UInt64(clamping: status.st_size)
    try fill()
    if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
      hasCarriageReturns = end > 0 && buffer[end - 1] == UInt8(ascii: "\r")
    }
  }

  /// Goes on behind the line `number`, which ended at `offset`.
  /// - Throws: `CommandFailure` when no line ends there: the file is not what it was.
  mutating func seek(line number: UInt64, offset: UInt64) throws(CommandFailure) {
    var byte: UInt8 = 0
    let isLineEnd =
      offset == 0 || offset == size
      || offset < size && pread(file.descriptor, &byte, 1, off_t(offset) - 1) == 1
        && byte == UInt8(ascii: "\n")
    guard isLineEnd, lseek(file.descriptor, off_t(offset), SEEK_SET) >= 0 else {
      throw CommandFailure("\(path) has changed: no line ends at byte \(offset) any more")
    }
    self.number = number
    self.offset = offset
    buffer = []
    position = 0
    isAtEnd = false
  }

  /// The next line, nil at the end of the file.
  /// - Throws: `CommandFailure` when the file cannot be read, or a line is too long.
  mutating func next() throws(CommandFailure) -> Line? {
    var searched = position
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        return line(upTo: end, next: end + 1)
      }
      if isAtEnd { return position < buffer.count ? line(upTo: buffer.count, next: nil) : nil }
      guard buffer.count - position <= LineReader.longestLine else {
        throw CommandFailure(
          "line \(number + 1) of \(path) is longer than \(LineReader.longestLine) bytes")
      }
      searched = buffer.count - position
      buffer.removeFirst(position)
      position = 0
      try fill()
    }
  }

  private mutating func line(upTo end: Int, next: Int?) -> Line {
    var bytes = buffer[position..<end]
    if hasCarriageReturns, bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    let following = next ?? end
    offset += UInt64(following - position)
    number += 1
    position = following
    return Line(number: number, bytes: Array(bytes), end: offset)
  }

  private mutating func fill() throws(CommandFailure) {
    let known = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: LineReader.chunk))
    var count: Int
    repeat {
      count = buffer[known...].withUnsafeMutableBytes { rest in
        Glibc.read(file.descriptor, rest.baseAddress, rest.count)
      }
    } while count < 0 && errno == EINTR
    let error = errno
    buffer.removeLast(LineReader.chunk - max(count, 0))
    guard count >= 0 else {
      throw CommandFailure("\(path) cannot be read: \(String(cString: strerror(error)))")
    }
    isAtEnd = count == 0
  }
}
