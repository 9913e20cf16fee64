import HTTPTransport
import Testing

/// One thing that a specification demands of a server and that a client can provoke.
struct ConformanceCase: CustomTestStringConvertible, Sendable {
  enum Expectation: Sendable {
    /// GOAWAY with one of these codes, and the end of the connection.
    case connection([HTTP2Code])
    /// RST_STREAM with one of these codes; or the same for the whole connection, which a server may
    /// choose (RFC 9113 section 5.4).
    case stream(UInt32, [HTTP2Code])
    /// An error of the stream, or an answer that tells the client so (RFC 9113 section 8.1.1).
    case malformed(UInt32)
    /// The stream is answered to its end, and the connection goes on.
    case answered(UInt32)
    /// An interim answer comes first, and a final one at last.
    case continued(UInt32)
    /// Neither an error nor an answer.
    case ignored
    /// So many bytes of the answer come, and no more.
    case data(UInt32, Int)
    /// A frame of this type with ACK and this payload.
    case acknowledged(UInt8, [UInt8])

    static func connectionError(_ codes: HTTP2Code...) -> Expectation { .connection(codes) }

    static func streamError(_ stream: UInt32, _ codes: HTTP2Code...) -> Expectation {
      .stream(stream, codes)
    }
  }

  let section: String
  let rule: String
  /// What is sent after the connection's start.
  let bytes: [UInt8]
  let expected: Expectation
  /// Sends the preface and these settings before; nil for cases that do it by themselves.
  var settings: [(UInt16, UInt32)]? = []

  var testDescription: String { "\(section): \(rule)" }

  init(
    _ section: String, _ rule: String, _ frames: [HTTP2Peer.Frame],
    _ expected: Expectation, settings: [(UInt16, UInt32)] = []
  ) {
    self.init(section, rule, bytes: frames.flatMap(\.bytes), expected)
    self.settings = settings
  }

  init(_ section: String, _ rule: String, bytes: [UInt8], _ expected: Expectation) {
    self.section = section
    self.rule = rule
    self.bytes = bytes
    self.expected = expected
  }

  /// Sent without a preface.
  static func raw(
    _ section: String, _ rule: String, _ bytes: [UInt8], _ expected: Expectation
  ) -> ConformanceCase {
    var made = ConformanceCase(section, rule, bytes: bytes, expected)
    made.settings = nil
    return made
  }
}

/// The error codes of RFC 9113 section 7.
enum HTTP2Code: Int, Sendable {
  case noError, protocolError, internalError, flowControl, settingsTimeout, streamClosed, frameSize
  case refusedStream, cancel, compression, connect, enhanceYourCalm, inadequateSecurity
  case http11Required
}

// MARK: Frames in few words

typealias TestFrame = HTTP2Peer.Frame

/// Flags of RFC 9113 section 6.
enum Flag {
  static let endStream: UInt8 = 0x1
  static let ack: UInt8 = 0x1
  static let endHeaders: UInt8 = 0x4
  static let padded: UInt8 = 0x8
  static let priority: UInt8 = 0x20
}

/// A whole request without a body.
func get(_ stream: UInt32 = 1, _ more: [(String, String)] = []) -> TestFrame {
  headers(stream, HTTP2Peer.fields("GET", "/hello", more))
}

/// A request whose body follows.
func post(_ stream: UInt32 = 1, _ more: [(String, String)] = []) -> TestFrame {
  headers(stream, HTTP2Peer.fields("POST", "/echo", more), Flag.endHeaders)
}

func headers(
  _ stream: UInt32, _ fields: [(String, String)], _ flags: UInt8 = Flag.endHeaders | Flag.endStream
) -> TestFrame {
  TestFrame(
    type: HTTP2Peer.headers, flags: flags, stream: stream, payload: HTTP2Peer.block(fields))
}

/// A request whose header block is given byte for byte.
func block(
  _ stream: UInt32, _ payload: [UInt8], _ flags: UInt8 = Flag.endHeaders | Flag.endStream
) -> TestFrame {
  TestFrame(type: HTTP2Peer.headers, flags: flags, stream: stream, payload: payload)
}

func data(_ stream: UInt32, _ payload: [UInt8] = [65], _ flags: UInt8 = Flag.endStream)
  -> TestFrame
{
  TestFrame(type: HTTP2Peer.data, flags: flags, stream: stream, payload: payload)
}

func reset(_ stream: UInt32, _ code: HTTP2Code = .cancel) -> TestFrame {
  TestFrame(
    type: HTTP2Peer.reset, stream: stream, payload: HTTP2Peer.word(UInt32(code.rawValue)))
}

func window(_ stream: UInt32, _ increment: UInt32) -> TestFrame {
  TestFrame(
    type: HTTP2Peer.windowUpdate, stream: stream, payload: HTTP2Peer.word(increment))
}

func continuation(_ stream: UInt32, _ payload: [UInt8], _ flags: UInt8 = Flag.endHeaders)
  -> TestFrame
{
  TestFrame(type: HTTP2Peer.continuation, flags: flags, stream: stream, payload: payload)
}

func setting(_ id: UInt16, _ value: UInt32) -> TestFrame {
  let name = [UInt8(truncatingIfNeeded: id >> 8), UInt8(truncatingIfNeeded: id)]
  return TestFrame(type: HTTP2Peer.settings, payload: name + HTTP2Peer.word(value))
}

func priority(_ stream: UInt32, dependsOn other: UInt32) -> TestFrame {
  TestFrame(type: 2, stream: stream, payload: HTTP2Peer.word(other) + [15])
}

func ping(_ byte: UInt8 = 5) -> TestFrame {
  TestFrame(type: HTTP2Peer.ping, payload: [UInt8](repeating: byte, count: 8))
}
