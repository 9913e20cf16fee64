/// RFC 9113 section 6: what each type of frame may be.
enum FrameCases {
  static let all = dataFrames + headerFrames + small + settings + windows + others

  private static let request = HTTP2Peer.block(HTTP2Peer.fields("GET", "/hello"))

  private static let dataFrames: [ConformanceCase] = [
    .init(
      "RFC 9113 6.1", "DATA on stream 0 is refused", [data(0)], .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.1", "padding is taken off", [post(), data(1, [2, 65, 0, 0], 0x9)], .answered(1)),
    .init(
      "RFC 9113 6.1", "padding as long as the payload is refused",
      [post(), data(1, [4, 65, 0, 0], 0x9)], .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.1", "padding without its length is refused", [post(), data(1, [], 0x9)],
      .connectionError(.protocolError, .frameSize)),
    .init("RFC 9113 6.1", "empty DATA ends a stream", [post(), data(1, [])], .answered(1)),
  ]

  private static let headerFrames: [ConformanceCase] = [
    .init(
      "RFC 9113 6.2", "padding and priority are taken off",
      [block(1, [2, 0, 0, 0, 0, 15] + request + [0, 0], 0x2D)], .answered(1)),
    .init(
      "RFC 9113 6.2", "padding longer than the frame is refused",
      [block(1, [200] + request, 0xD)], .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.2", "priority that does not fit is refused", [block(1, [0, 0], 0x25)],
      .connectionError(.frameSize, .protocolError)),
    .init(
      "RFC 9113 6.2", "HEADERS without END_HEADERS are followed by CONTINUATION of their stream",
      [block(1, request, Flag.endStream), continuation(3, [0x82])],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.10", "CONTINUATION completes a request",
      [
        block(1, Array(request[..<5]), Flag.endStream), continuation(1, Array(request[5..<9]), 0),
        continuation(1, Array(request[9...])),
      ], .answered(1)),
    .init(
      "RFC 9113 6.10", "CONTINUATION after END_HEADERS is refused",
      [post(), continuation(1, [0x82])], .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.10", "CONTINUATION after CONTINUATION with END_HEADERS is refused",
      [block(1, request, 0), continuation(1, []), continuation(1, [])],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.10", "CONTINUATION on stream 0 is refused",
      [block(1, request, Flag.endStream), continuation(0, [])], .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.10", "CONTINUATION after DATA is refused",
      [post(), data(1, [65], 0), continuation(1, [])], .connectionError(.protocolError)),
  ]

  private static let small: [ConformanceCase] = [
    .init(
      "RFC 9113 6.3", "PRIORITY on stream 0 is refused", [priority(0, dependsOn: 1)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.3", "PRIORITY of other than 5 bytes is refused",
      [post(), TestFrame(type: 2, stream: 1, payload: [0, 0, 0, 0])], .streamError(1, .frameSize)),
    .init(
      "RFC 9113 6.4", "RST_STREAM on stream 0 is refused", [reset(0)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.4", "RST_STREAM of other than 4 bytes is refused",
      [post(), TestFrame(type: 3, stream: 1, payload: [0, 0, 8])], .connectionError(.frameSize)),
    .init(
      "RFC 9113 6.6", "PUSH_PROMISE of a client is refused",
      [post(), TestFrame(type: 5, flags: 4, stream: 1, payload: HTTP2Peer.word(2) + [0x82])],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.7", "PING is answered with its payload",
      [TestFrame(type: 6, payload: [9, 8, 7, 6, 5, 4, 3, 2])],
      .acknowledged(6, [9, 8, 7, 6, 5, 4, 3, 2])),
    .init(
      "RFC 9113 6.7", "the acknowledgement of a PING is not answered",
      [TestFrame(type: 6, flags: Flag.ack, payload: Array(1...8))], .ignored),
    .init(
      "RFC 9113 6.7", "PING on a stream is refused",
      [TestFrame(type: 6, stream: 1, payload: Array(1...8))], .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.7", "PING of other than 8 bytes is refused",
      [TestFrame(type: 6, payload: Array(1...6))], .connectionError(.frameSize)),
    .init(
      "RFC 9113 6.8", "GOAWAY on a stream is refused",
      [TestFrame(type: 7, stream: 1, payload: [0, 0, 0, 0, 0, 0, 0, 0])],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.8", "GOAWAY without its fields is refused", [TestFrame(type: 7, payload: [0])],
      .connectionError(.frameSize)),
  ]

  private static let settings: [ConformanceCase] = [
    .init(
      "RFC 9113 6.5", "SETTINGS are acknowledged", [setting(3, 10)], .acknowledged(4, [])),
    .init(
      "RFC 9113 6.5", "SETTINGS with ACK and a payload are refused",
      [TestFrame(type: 4, flags: Flag.ack, payload: [0])], .connectionError(.frameSize)),
    .init(
      "RFC 9113 6.5", "SETTINGS on a stream are refused", [TestFrame(type: 4, stream: 1)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.5", "SETTINGS of a length that is no multiple of 6 are refused",
      [TestFrame(type: 4, payload: [0, 3, 0])], .connectionError(.frameSize)),
    .init(
      "RFC 9113 6.5.2", "SETTINGS_ENABLE_PUSH other than 0 or 1 is refused", [setting(2, 2)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE above 2³¹-1 is refused",
      [setting(4, 0x8000_0000)], .connectionError(.flowControl)),
    .init(
      "RFC 9113 6.5.2", "SETTINGS_MAX_FRAME_SIZE below 16,384 is refused", [setting(5, 16_383)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.5.2", "SETTINGS_MAX_FRAME_SIZE above 2²⁴-1 is refused", [setting(5, 1 << 24)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.5.2", "unknown settings are ignored", [setting(0xFF, 0xFFFF_FFFF), get()],
      .answered(1)),
    .init(
      "RFC 9113 6.5.3", "values are taken in order: the last counts", [get()], .data(1, 3),
      settings: [(4, 1), (4, 3)]),
  ]

  private static let windows: [ConformanceCase] = [
    .init(
      "RFC 9113 6.9", "WINDOW_UPDATE of 0 for the connection is refused", [window(0, 0)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 6.9", "WINDOW_UPDATE of 0 for a stream is refused", [post(), window(1, 0)],
      .streamError(1, .protocolError)),
    .init(
      "RFC 9113 6.9", "WINDOW_UPDATE of other than 4 bytes is refused",
      [TestFrame(type: 8, payload: [0, 0, 1])], .connectionError(.frameSize)),
    .init(
      "RFC 9113 6.9", "the reserved bit of an increment is ignored",
      [get(), window(1, 0x8000_0001)], .data(1, 1), settings: [(4, 0)]),
    .init(
      "RFC 9113 6.9.1", "a stream's window holds DATA back", [get()], .data(1, 1),
      settings: [(4, 1)]),
    .init(
      "RFC 9113 6.9.1", "WINDOW_UPDATE lets as much go as it says",
      [get(), window(1, 2)], .data(1, 2), settings: [(4, 0)]),
    .init(
      "RFC 9113 6.9.1", "the connection's window cannot exceed 2³¹-1",
      [window(0, 0x7FFF_FFFF)], .connectionError(.flowControl)),
    .init(
      "RFC 9113 6.9.1", "a stream's window cannot exceed 2³¹-1", [post(), window(1, 0x7FFF_FFFF)],
      .streamError(1, .flowControl)),
    .init(
      "RFC 9113 6.9.2", "a larger initial window opens the windows of open streams",
      [get(), setting(4, 2)], .data(1, 2), settings: [(4, 0)]),
    .init(
      "RFC 9113 6.9.2", "a window may become negative, and counts from there",
      [get(), setting(4, 0), window(1, 3)], .data(1, 3), settings: [(4, 2)]),
    .init(
      "RFC 9113 6.9.2", "a change of the initial window cannot overflow a window",
      [post(), window(1, 0x7FFF_0000), setting(4, 0x7FFF_FFFF)], .connectionError(.flowControl)),
    .init(
      "RFC 9113 6.9.1", "DATA beyond the window is refused",
      [post()] + (0..<140).map { _ in data(1, [UInt8](repeating: 0, count: 16_384), 0) },
      .streamError(1, .flowControl, .refusedStream, .cancel)),
  ]

  private static let others: [ConformanceCase] = [
    .init(
      "RFC 9113 7", "unknown error codes in RST_STREAM change nothing",
      [post(), TestFrame(type: 3, stream: 1, payload: [0xFF, 0, 0, 0]), get(3)], .answered(3)),
    .init(
      "RFC 9113 7", "unknown error codes in GOAWAY change nothing",
      [post(), TestFrame(type: 7, payload: [0, 0, 0, 0, 0xFF, 0, 0, 0]), data(1)], .answered(1)),
  ]
}
