import Foundation

/// Writes conversations as inputs for a fuzzer: `seeds FUZZER FOLDER`. A program of its own.
@main
enum Seeds {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 3 else {
      print("usage: seeds FUZZER FOLDER")
      exit(64)
    }
    let folder = URL(fileURLWithPath: arguments[2], isDirectory: true)
    let inputs = arguments[1] == "client" ? ServerSeeds.all : ClientSeeds.all
    for (index, input) in inputs.enumerated() {
      try Data(input).write(to: folder.appendingPathComponent("seed-\(index)"))
    }
  }
}

/// Records of an input, as `Script` reads them.
enum Record {
  static func piece(_ bytes: [UInt8], then event: UInt8 = 4) -> [UInt8] {
    [event, UInt8(bytes.count & 255), UInt8(bytes.count >> 8)] + bytes
  }

  static func frame(
    _ type: UInt8, _ flags: UInt8 = 0, _ stream: UInt8 = 0, _ payload: [UInt8] = [],
    then event: UInt8 = 4
  ) -> [UInt8] {
    [event, type, flags, stream, UInt8(payload.count)] + payload
  }

  /// Fields as literals without indexing.
  static func block(_ fields: [(String, String)]) -> [UInt8] {
    var block: [UInt8] = []
    for (name, value) in fields {
      block += [0, UInt8(name.utf8.count)]
      block += name.utf8
      block.append(UInt8(value.utf8.count))
      block += value.utf8
    }
    return block
  }
}

/// What clients send.
enum ClientSeeds {
  static var all: [[UInt8]] {
    var all: [[UInt8]] = []
    for limits: UInt8 in [0, 2] {
      for text in http1 { all.append([limits] + Record.piece(Array(text.utf8))) }
      for frames in http2 { all.append([limits + 1] + frames.joined()) }
    }
    return all
  }

  private static let http1 = [
    "GET /e HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /b HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\nGET /n HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
      + "GET /l HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    "PUT /m?q=1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
    "GET http://b:1/h?x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      + "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
      + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0",
  ]

  private static func request(_ path: String, _ method: String = "GET") -> [UInt8] {
    Record.block([(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")])
  }

  private static let settings = Record.frame(4)

  private static let http2: [[[UInt8]]] = [
    [settings, Record.frame(1, 5, 1, request("/e")), Record.frame(6, 0, 0, Array(1...8))],
    [
      settings, Record.frame(1, 4, 1, request("/e", "POST")),
      Record.frame(0, 1, 1, Array("hello".utf8)),
    ],
    [
      settings, Record.frame(1, 5, 1, request("/b"), then: 9),
      Record.frame(8, 0, 0, [0, 16, 0, 0]), Record.frame(8, 0, 1, [0, 16, 0, 0], then: 13),
    ],
    [
      settings, Record.frame(1, 5, 1, request("/l")), Record.frame(1, 5, 3, request("/l")),
      Record.frame(3, 0, 1, [0, 0, 0, 8], then: 11),
    ],
    [settings, Record.frame(1, 0, 1, request("/m")), Record.frame(9, 4, 1, [0x86, 0x84])],
    // Indexed fields, an entry for the table, and a change of its size.
    [
      settings, Record.frame(1, 5, 1, [0x82, 0x86, 0x84, 0x41, 1, 97, 0x40, 1, 120, 1, 121]),
      Record.frame(1, 5, 3, [0x3F, 0xE1, 0x1F, 0x82, 0x86, 0x04, 2, 47, 101, 0xBE, 0xBF]),
    ],
    [
      Record.frame(4, 0, 0, [0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), Record.frame(4, 1),
      Record.frame(1, 5, 1, request("/b")), Record.frame(4, 0, 0, [0, 4, 0, 1, 0, 0]),
    ],
    [
      settings, Record.frame(1, 0x2D, 1, [1, 0, 0, 0, 0, 15] + request("/e") + [0]),
      Record.frame(2, 0, 3, [0, 0, 0, 1, 7]), Record.frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
      Record.frame(1, 5, 5, request("/n"), then: 15), Record.frame(200, 9, 0, [1], then: 14),
    ],
  ]
}

/// What servers send.
enum ServerSeeds {
  private static let ok: [UInt8] = [0x88]
  private static let settings = Record.frame(4) + Record.frame(4, 1)

  static var all: [[UInt8]] {
    var all: [[UInt8]] = []
    for choice: UInt8 in [1, 3, 5, 7] {
      for frames in framed { all.append([choice] + frames.joined()) }
    }
    all.append([0] + Record.piece(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)))
    let frames: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]
    all.append([0] + Record.piece(frames))
    return all
  }

  private static let framed: [[[UInt8]]] = [
    [settings, Record.frame(1, 5, 1, ok)],
    [settings, Record.frame(1, 4, 1, ok), Record.frame(0, 1, 1, Array("hello".utf8))],
    [
      settings, Record.frame(1, 4, 1, Record.block([(":status", "103"), ("link", "a")])),
      Record.frame(1, 4, 1, Record.block([(":status", "200"), ("content-length", "2")])),
      Record.frame(0, 8, 1, [1, 65, 0]), Record.frame(0, 0, 1, [66]),
      Record.frame(1, 5, 1, Record.block([("x-trailer", "t")])),
    ],
    [
      settings, Record.frame(3, 0, 1, [0, 0, 0, 7], then: 11),
      Record.frame(7, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]), Record.frame(6, 0, 0, Array(1...8)),
    ],
    [
      Record.frame(4, 0, 0, [0, 3, 0, 0, 0, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
      Record.frame(8, 0, 0, [0, 1, 0, 0]), Record.frame(8, 0, 1, [0, 0, 16, 0], then: 13),
      Record.frame(1, 0, 1, [0x3F]), Record.frame(9, 4, 1, [0xE1, 0x1F, 0x88]),
    ],
    [
      settings, Record.frame(5, 4, 1, [0, 0, 0, 2, 0x82]),
      Record.frame(200, 0, 0, [1], then: 15),
    ],
  ]
}
