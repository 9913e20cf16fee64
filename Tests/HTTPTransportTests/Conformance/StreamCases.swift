/// RFC 9113 section 5: streams.
enum StreamCases {
  static let all = idle + halfClosed + closed + identifiers + others

  private static let idle: [ConformanceCase] = [
    .init(
      "RFC 9113 5.1", "DATA on an idle stream is refused", [data(1)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.1", "RST_STREAM on an idle stream is refused", [reset(1)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.1", "WINDOW_UPDATE on an idle stream is refused", [window(1, 1)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.1", "CONTINUATION on an idle stream is refused",
      [continuation(1, HTTP2Peer.block(HTTP2Peer.fields("GET", "/hello")))],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.1", "PRIORITY on an idle stream is taken", [priority(1, dependsOn: 0), get()],
      .answered(1)),
    .init(
      "RFC 9113 5.1", "unknown frames on an idle stream are ignored",
      [TestFrame(type: 0x16, stream: 7)], .ignored),
  ]

  private static let halfClosed: [ConformanceCase] = [
    .init(
      "RFC 9113 5.1", "half-closed (remote): DATA is refused", [get(), data(1)],
      .streamError(1, .streamClosed)),
    .init(
      "RFC 9113 5.1", "half-closed (remote): HEADERS are refused", [get(), get()],
      .streamError(1, .streamClosed)),
    .init(
      "RFC 9113 5.1", "half-closed (remote): CONTINUATION is refused",
      [get(), continuation(1, [0x82])], .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.1", "half-closed (remote): WINDOW_UPDATE is taken", [get(), window(1, 1)],
      .answered(1)),
    .init(
      "RFC 9113 5.1", "half-closed (remote): PRIORITY is taken",
      [get(), priority(1, dependsOn: 0)], .answered(1)),
    .init(
      "RFC 9113 5.1", "half-closed (remote): RST_STREAM is taken",
      [get(), reset(1), get(3)], .answered(3)),
    .init(
      "RFC 9113 5.1", "DATA after DATA with END_STREAM is refused", [post(), data(1), data(1)],
      .streamError(1, .streamClosed)),
    .init(
      "RFC 9113 5.1", "HEADERS after DATA with END_STREAM are refused",
      [post(), data(1), headers(1, [("a", "b")])], .streamError(1, .streamClosed)),
  ]

  private static let closed: [ConformanceCase] = [
    .init(
      "RFC 9113 5.1", "closed: DATA after RST_STREAM is refused", [post(), reset(1), data(1)],
      .streamError(1, .streamClosed)),
    .init(
      "RFC 9113 5.1", "closed: HEADERS after RST_STREAM are refused",
      [post(), reset(1), headers(1, [("a", "b")])], .streamError(1, .streamClosed)),
    .init(
      "RFC 9113 5.1", "closed: CONTINUATION after RST_STREAM is refused",
      [post(), reset(1), continuation(1, [0x82])], .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.1", "closed: WINDOW_UPDATE after RST_STREAM is ignored",
      [post(), reset(1), window(1, 1), get(3)], .answered(3)),
    .init(
      "RFC 9113 5.1", "closed: PRIORITY after RST_STREAM is taken",
      [post(), reset(1), priority(1, dependsOn: 0), get(3)], .answered(3)),
    .init(
      "RFC 9113 5.1", "closed: RST_STREAM after RST_STREAM is ignored",
      [post(), reset(1), reset(1), get(3)], .answered(3)),
    .init(
      "RFC 9113 5.1", "closed: DATA on a stream that was answered is refused",
      [get(), get(3), data(1)], .streamError(1, .streamClosed)),
    .init(
      "RFC 9113 5.1", "closed: HEADERS on a stream that was answered are refused",
      [get(), get(3), headers(1, [("a", "b")])], .streamError(1, .streamClosed)),
  ]

  private static let identifiers: [ConformanceCase] = [
    .init(
      "RFC 9113 5.1.1", "a client opens no stream with an even number", [get(2)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.1.1", "stream 0 is no request", [get(0)], .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.1.1", "numbers grow: a stream that was passed over cannot be opened",
      [get(5), get(3)], .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.1.1", "a stream that was passed over is closed",
      [get(5), data(3)], .streamError(3, .streamClosed, .protocolError)),
    .init(
      "RFC 9113 5.1.1", "numbers may be passed over", [get(5), get(2_001), get(2_003)],
      .answered(2_003)),
    .init(
      "RFC 9113 5.1.1", "the last number can be used", [get(0x7FFF_FFFF)],
      .answered(0x7FFF_FFFF)),
    .init(
      "RFC 9113 5.1.2", "streams beyond SETTINGS_MAX_CONCURRENT_STREAMS are refused",
      (0..<300).map { post(UInt32(2 * $0 + 1)) }, .streamError(599, .refusedStream, .protocolError)
    ),
  ]

  private static let others: [ConformanceCase] = [
    .init(
      "RFC 9113 5.2", "PING is answered whatever the windows are",
      [get(), ping(9)], .acknowledged(6, [UInt8](repeating: 9, count: 8)), settings: [(4, 0)]),
    .init(
      "RFC 9113 5.3", "priority of RFC 7540 within HEADERS is taken",
      [
        block(
          1, [0, 0, 0, 0, 15] + HTTP2Peer.block(HTTP2Peer.fields("GET", "/hello")),
          Flag.endHeaders | Flag.endStream | Flag.priority)
      ], .answered(1)),
    .init(
      "RFC 7540 5.3.1", "a stream does not depend on itself in PRIORITY",
      [get(), priority(3, dependsOn: 3)], .streamError(3, .protocolError)),
    .init(
      "RFC 7540 5.3.1", "a stream does not depend on itself in HEADERS",
      [
        block(
          1, [0, 0, 0, 1, 15] + HTTP2Peer.block(HTTP2Peer.fields("GET", "/hello")),
          Flag.endHeaders | Flag.endStream | Flag.priority)
      ], .streamError(1, .protocolError)),
    .init(
      "RFC 9113 5.4.1", "GOAWAY precedes the end of a connection that broke",
      [TestFrame(type: 6, stream: 1, payload: Array(1...8))], .connectionError(.protocolError)),
    .init(
      "RFC 9113 5.4.2", "an error of one stream leaves the others alone",
      [get(1, [("connection", "close")]), get(3)], .malformed(1)),
    .init(
      "RFC 9113 5.5", "unknown settings are ignored", [setting(0xF000, 7), get()], .answered(1)),
    .init(
      "RFC 9113 5.5", "unknown frames on an open stream are ignored",
      [post(), TestFrame(type: 0xB, flags: 0xFF, stream: 1, payload: [0]), data(1)],
      .answered(1)),
    .init(
      "RFC 9113 5.5", "unknown frames amid a header block are refused",
      [
        block(1, HTTP2Peer.block(HTTP2Peer.fields("GET", "/hello")), Flag.endStream),
        TestFrame(type: 0xB, stream: 1),
      ], .connectionError(.protocolError)),
  ]
}
