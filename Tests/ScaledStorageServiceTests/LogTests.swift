import Foundation
import Glibc
import Logging
import ScaledStorage
import Testing

@testable import ScaledStorageService

/// What lines of the log look like.
@Suite(.serialized) struct LogTests {
  /// Logs by `body` and returns what was written.
  private func lines(
    _ format: LogFormat, isJournal: Bool = false, _ body: (Logger) -> Void
  ) throws -> [String] {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let sink = LogSink(descriptor: ends[1], isJournal: isJournal)
    var logger = Logger(label: "node") { LineLogHandler(label: $0, format: format, sink: sink) }
    logger[metadataKey: "node"] = "aaaaa-aa"
    body(logger)
    close(ends[1])
    let text = try FileHandle(fileDescriptor: ends[0], closeOnDealloc: true).readToEnd() ?? Data()
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("JSON keeps fields as fields, with their types")
  func json() throws {
    let lines = try lines(.json) { logger in
      logger.notice(
        "a \"word\"\nand\u{1B}[2J more",
        metadata: [
          "count": .stringConvertible(3), "nodes": .array(["a", "b"]), "time": "mine",
          "ratio": .stringConvertible(0.5), "more": .dictionary(["key": "value"]),
        ])
    }
    #expect(lines.count == 1)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
    #expect(object["message"] as? String == "a \"word\"\nand\u{1B}[2J more")
    #expect(object["level"] as? String == "notice" && object["label"] as? String == "node")
    #expect(object["count"] as? Int == 3 && object["ratio"] as? Double == 0.5)
    #expect(object["nodes"] as? [String] == ["a", "b"])
    #expect((object["more"] as? [String: String])?["key"] == "value")
    #expect(object["node"] as? String == "aaaaa-aa" && object["field_time"] as? String == "mine")
    #expect(lines[0].utf8.allSatisfy { $0 >= 0x20 })
  }

  @Test("Text is one line, whatever the message says")
  func text() throws {
    let lines = try lines(.text) { logger in
      logger.error("a\nb\u{1B}[2J\u{202E}", metadata: ["key": "x \"y\"\n", "empty": ""])
      logger.debug("not told at this level")
    }
    #expect(lines.count == 1)
    #expect(
      lines[0].hasSuffix(
        #" error node: a\nb\u{1b}[2J\u{202e} empty="" key="x \"y\"\n" node=aaaaa-aa"#))
  }

  @Test("No value of a field can look like the end of it, or like another")
  func values() throws {
    let lines = try lines(.text) { logger in
      logger.error("m", metadata: ["a": #"x \"#, "b": #"C:\n"#, "c": "é=1"])
    }
    #expect(lines[0].hasSuffix(#" m a="x \\" b="C:\\n" c="é=1" node=aaaaa-aa"#))
  }

  @Test("For systemd's journal a line begins with its priority")
  func journal() throws {
    let lines = try lines(.auto, isJournal: true) { logger in
      logger.warning("careful")
      logger.critical("broken")
    }
    #expect(lines.map { $0.prefix(4) } == ["<4>{", "<2>{"])
  }

  @Test("The time is that of RFC 3339")
  func time() {
    #expect(
      LogTime.text(seconds: 951_782_399, milliseconds: 7) == "2000-02-28T23:59:59.007Z")
  }

  /// A pipe that takes little.
  private final class Pipe {
    let writer: Int32
    private let reader: Int32

    init() throws {
      var ends: [Int32] = [0, 0]
      try #require(pipe(&ends) == 0)
      (reader, writer) = (ends[0], ends[1])
      // F_SETPIPE_SZ, which is hidden behind _GNU_SOURCE.
      try #require(fcntl(writer, 1_031, 8_192) == 8_192)
      _ = fcntl(reader, F_SETFL, O_NONBLOCK)
    }

    deinit {
      close(writer)
      close(reader)
    }

    /// What is in it.
    func read() -> String {
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while case let count = Glibc.read(reader, &buffer, buffer.count), count > 0 {
        bytes += buffer[..<count]
      }
      return String(decoding: bytes, as: UTF8.self)
    }

    func lines() -> [Substring] { read().split(separator: "\n") }
  }

  @Test(
    "A pipe that nobody reads holds nobody up; lines are lost as a whole, and counted",
    .timeLimit(.minutes(1)), arguments: [false, true])
  func unread(opensAgain: Bool) throws {
    let pipe = try Pipe()
    let sink = LogSink(descriptor: pipe.writer, isJournal: false, opensAgain: opensAgain)
    let logger = Logger(label: "node") { LineLogHandler(label: $0, format: .json, sink: sink) }
    let before = LostLogLines.count
    for number in 1...500 { logger.info("line \(number)") }
    let taken = pipe.lines()
    #expect(taken.count < 500 && taken.count > 5)
    #expect(taken.last?.hasSuffix("}") == true, "no part of a line")
    logger.info("the next")
    let rest = pipe.lines()
    let lost = 500 - taken.count
    #expect(rest.count == 2)
    #expect(rest.first?.contains("\(lost) lines of the log were lost: nobody read") == true)
    #expect(rest.last?.contains("the next") == true)
    // Other tests may lose lines of theirs.
    #expect(LostLogLines.count >= before + UInt64(lost))
  }

  @Test("Of a line longer than a pipe the rest follows, before any other", .timeLimit(.minutes(1)))
  func long() throws {
    let pipe = try Pipe()
    let sink = LogSink(descriptor: pipe.writer, isJournal: false)
    let logger = Logger(label: "node") { LineLogHandler(label: $0, format: .text, sink: sink) }
    let message = String(repeating: "x", count: 10_000)
    logger.info("\(message)")
    logger.info("lost, since there is no room for the rest of the one before")
    var text = pipe.read()
    logger.info("another")
    text += pipe.read()
    let lines = text.split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines.first?.hasSuffix("info node: " + message) == true)
    #expect(lines.dropFirst().first?.contains("1 line of the log was lost") == true)
    #expect(lines.last?.hasSuffix("another") == true)
  }

  @Test("A reader that has gone takes nothing, and is no end of the program")
  func gone() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    close(ends[0])
    let sink = LogSink(descriptor: ends[1], isJournal: false, opensAgain: true)
    let logger = Logger(label: "node") { LineLogHandler(label: $0, format: .text, sink: sink) }
    let before = LostLogLines.count
    logger.info("nobody hears this")
    #expect(LostLogLines.count > before)
    close(ends[1])
  }

  @Test("A terminal that is not read holds nobody up", .timeLimit(.minutes(1)))
  func terminal() throws {
    let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    try #require(master >= 0)
    // TIOCSPTLCK and TIOCGPTN: unlockpt(3) and ptsname(3) are hidden behind _GNU_SOURCE.
    var (lock, number) = (Int32(0), Int32(0))
    try #require(ioctl(master, 0x4004_5431, &lock) == 0 && ioctl(master, 0x8004_5430, &number) == 0)
    let name = "/dev/pts/\(number)"
    let end = open(name, O_RDWR | O_NOCTTY)
    try #require(end >= 0)
    let sink = LogSink(descriptor: end, isJournal: false, opensAgain: true)
    let logger = Logger(label: "node") { LineLogHandler(label: $0, format: .text, sink: sink) }
    let before = LostLogLines.count
    while LostLogLines.count == before {
      logger.info("\(String(repeating: "y", count: 1_000))")
    }
    close(end)
    close(master)
  }
}
