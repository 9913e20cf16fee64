import Glibc

/// Finds the end of a request's header section and refuses line forms that other programs may read
/// differently, from which request smuggling comes: bare LF, bare CR, folded lines.
///
/// http_parser accepts these unless it was built in its strict mode, and distributions build it
/// otherwise, so its input is checked before it sees it.
struct HeadScanner {
  enum Outcome {
    /// More bytes are needed; the same bytes come again with them.
    case incomplete
    /// An empty line before the request, of this many bytes, is to be skipped (RFC 9112 section
    /// 2.2).
    case blank(Int)
    /// The section takes this many bytes.
    case complete(Int)
    case rejected(Rejection)
  }

  private var position = 0
  private var lineStart = 0
  private var lines = 0

  /// Method and version around the target.
  private static let requestLineOverhead = 64

  mutating func scan(_ bytes: UnsafeRawBufferPointer, _ limits: ServerLimits) -> Outcome {
    guard let base = bytes.baseAddress else { return .incomplete }
    while position < bytes.count,
      let found = memchr(base.advanced(by: position), 0x0A, bytes.count - position)
    {
      let end = base.distance(to: UnsafeRawPointer(found))
      guard end > lineStart, bytes[end - 1] == 0x0D else {
        return .rejected(.malformed("A line ends with a bare LF; end lines with CR LF."))
      }
      let length = end - 1 - lineStart
      if length == 0 {
        let result: Outcome = lines == 0 ? .blank(end + 1) : .complete(end + 1)
        self = HeadScanner()
        return result
      }
      if let rejection = check(base.advanced(by: lineStart), length, limits) {
        return .rejected(rejection)
      }
      lines += 1
      lineStart = end + 1
      position = end + 1
    }
    position = bytes.count
    if lines == 0, bytes.count > limits.maxTargetBytes + HeadScanner.requestLineOverhead {
      return .rejected(.targetTooLong(limits.maxTargetBytes))
    }
    if bytes.count
      > limits.maxHeaderBytes + limits.maxTargetBytes + HeadScanner.requestLineOverhead
    {
      return .rejected(.headersTooLarge(limits.maxHeaderBytes))
    }
    return .incomplete
  }

  private func check(
    _ line: UnsafeRawPointer, _ length: Int, _ limits: ServerLimits
  ) -> Rejection? {
    if memchr(line, 0x0D, length) != nil {
      return .malformed("A line contains a bare CR; end lines with CR LF.")
    }
    if lines == 0 {
      return length > limits.maxTargetBytes + HeadScanner.requestLineOverhead
        ? .targetTooLong(limits.maxTargetBytes) : nil
    }
    let first = line.load(as: UInt8.self)
    if first == 0x20 || first == 0x09 {
      return .malformed(
        "A header field is folded over lines; write each field on one line (RFC 9112 section 5.2).")
    }
    guard lines <= limits.maxHeaderCount else { return .tooManyHeaders(limits.maxHeaderCount) }
    return checkField(UnsafeRawBufferPointer(start: line, count: length))
  }

  /// RFC 9112 section 5.1: a token, a colon without space before it, and visible bytes.
  private func checkField(_ line: UnsafeRawBufferPointer) -> Rejection? {
    guard let colon = line.firstIndex(of: 0x3A), colon > 0,
      line[..<colon].allSatisfy(isTokenByte)
    else {
      return .malformed("A header field has no valid name; write 'name: value'.")
    }
    guard line[colon...].allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }) else {
      return .malformed("A header field's value has a control character; remove it.")
    }
    return nil
  }

  /// Whether the first line names a version of HTTP.
  static func namesHTTP(_ section: UnsafeRawBufferPointer) -> Bool {
    var line = section.prefix { $0 != 0x0D }
    while let start = line.firstIndex(of: 0x48) {
      line = line[start...]
      if line.starts(with: "HTTP/".utf8) { return true }
      line.removeFirst()
    }
    return false
  }
}

/// Watches the framing bytes between the pieces of a chunked body for the same line forms.
struct FramingGuard {
  private enum Expectation {
    case anything, lineStart, lineFeed, endOfData
  }

  private var expectation = Expectation.lineStart
  private var length = 0

  /// Framing that a body may have beside its bytes: extensions and trailers.
  private static let allowance = 65_536

  /// Returns what is wrong with `bytes`, which follow the framing bytes seen before.
  mutating func check(_ bytes: UnsafeRawBufferPointer, bodyCount: Int) -> Rejection? {
    for byte in bytes {
      switch (expectation, byte) {
      case (.lineFeed, 0x0A): expectation = .lineStart
      case (.lineFeed, _):
        return .malformed("A line of the chunked body has a bare CR; end lines with CR LF.")
      case (_, 0x0D): expectation = .lineFeed
      case (.endOfData, _):
        return .malformed("A chunk is longer than its size tells.")
      case (_, 0x0A):
        return .malformed("A line of the chunked body ends with a bare LF; end lines with CR LF.")
      case (.lineStart, 0x20), (.lineStart, 0x09):
        return .malformed("A line of the chunked body starts with a space; remove it.")
      default: expectation = .anything
      }
    }
    length += bytes.count
    // One byte a chunk takes six bytes of framing.
    guard length <= FramingGuard.allowance + 8 * bodyCount else {
      return .malformed("The chunked body has too many extensions or trailers; send fewer.")
    }
    return nil
  }

  /// Body bytes came between; their end is the next framing byte.
  mutating func skipBody() { expectation = .endOfData }
}
