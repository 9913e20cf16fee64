/// RFC 9113 sections 3 and 4: the start of a connection, frames and header compression.
enum FramingCases {
  static let all = start + frames + compression

  private static let preface = HTTP2Peer.preface

  private static let start: [ConformanceCase] = [
    .raw(
      "RFC 9113 3.4", "after the preface and SETTINGS requests are answered",
      preface + setting(3, 100).bytes + get().bytes, .answered(1)),
    .raw(
      "RFC 9113 3.4", "requests may follow the preface at once",
      preface + TestFrame(type: 4).bytes + get().bytes + get(3).bytes, .answered(3)),
    .raw(
      "RFC 9113 3.4", "a preface that is wrong from the start is refused",
      Array("INVALID CONNECTION PREFACE\r\n\r\n".utf8), .connectionError(.protocolError)),
    .raw(
      "RFC 9113 3.4", "a preface that is wrong later is refused",
      Array("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".utf8), .connectionError(.protocolError)),
    .raw(
      "RFC 9113 3.4", "PING before SETTINGS is refused", preface + ping().bytes,
      .connectionError(.protocolError)),
    .raw(
      "RFC 9113 3.4", "HEADERS before SETTINGS are refused", preface + get().bytes,
      .connectionError(.protocolError)),
    .raw(
      "RFC 9113 3.4", "an acknowledgement is no first SETTINGS",
      preface + TestFrame(type: 4, flags: Flag.ack).bytes, .connectionError(.protocolError)),
  ]

  private static let frames: [ConformanceCase] = [
    .init(
      "RFC 9113 4.1", "flags without meaning are ignored",
      [TestFrame(type: 6, flags: 0xFE, payload: Array(1...8))], .acknowledged(6, Array(1...8))),
    .init(
      "RFC 9113 4.1", "the reserved bit is ignored",
      [TestFrame(type: 6, stream: 0x8000_0000, payload: Array(1...8))],
      .acknowledged(6, Array(1...8))),
    .init(
      "RFC 9113 4.1", "unknown frame types are ignored",
      [TestFrame(type: 0x16, flags: 0xFF, stream: 1, payload: [1, 2, 3])], .ignored),
    .init(
      "RFC 9113 4.2", "DATA of 16,384 bytes is taken",
      [post(), data(1, [UInt8](repeating: 65, count: 16_384))], .answered(1)),
    .init(
      "RFC 9113 4.2", "DATA beyond SETTINGS_MAX_FRAME_SIZE is refused",
      [post(), data(1, [UInt8](repeating: 65, count: 16_385))], .streamError(1, .frameSize)),
    .init(
      "RFC 9113 4.2", "HEADERS beyond SETTINGS_MAX_FRAME_SIZE are refused",
      [get(1, [("a", String(repeating: "b", count: 17_000))])], .connectionError(.frameSize)),
    .init(
      "RFC 9113 4.2", "SETTINGS beyond SETTINGS_MAX_FRAME_SIZE are refused",
      [TestFrame(type: 4, payload: [UInt8](repeating: 0, count: 16_386))],
      .connectionError(.frameSize)),
    .init(
      "RFC 9113 4.2", "an unknown frame beyond SETTINGS_MAX_FRAME_SIZE is refused",
      [TestFrame(type: 0x16, payload: [UInt8](repeating: 0, count: 16_385))],
      .connectionError(.frameSize)),
  ]

  private static let whole = HTTP2Peer.block(HTTP2Peer.fields("GET", "/hello"))

  private static let compression: [ConformanceCase] = [
    .init(
      "RFC 9113 4.3", "a block that does not decode ends the connection",
      [block(1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])], .connectionError(.compression)),
    .init(
      "RFC 9113 4.3", "a block may be cut anywhere",
      [block(1, Array(whole[..<7]), Flag.endStream), continuation(1, Array(whole[7...]))],
      .answered(1)),
    .init(
      "RFC 9113 4.3", "a block is not interrupted by frames of its stream",
      [block(1, Array(whole[..<7]), Flag.endStream), window(1, 1)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 4.3", "a block is not interrupted by frames of other streams",
      [block(1, Array(whole[..<7]), Flag.endStream), get(3)], .connectionError(.protocolError)),
    .init(
      "RFC 9113 4.3", "a block is not interrupted by unknown frames",
      [block(1, Array(whole[..<7]), Flag.endStream), TestFrame(type: 0x16)],
      .connectionError(.protocolError)),
    .init(
      "RFC 9113 4.3",
      "the block of a refused request is decoded, so that later ones can refer to it",
      [
        block(1, [0x82, 0x86, 0x84, 0x41, 1, 97, 0x40, 1, 65, 1, 98]),
        block(3, [0x82, 0x86, 0x84, 0xBF]),
      ], .answered(3)),
    .init(
      "RFC 9113 4.3.1", "a smaller table that the server never asked for may be announced",
      [block(1, [0x3F, 0xE1, 0x07] + whole)], .answered(1)),
  ]
}
