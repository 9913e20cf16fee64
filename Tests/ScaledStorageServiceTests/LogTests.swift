import Foundation
import Glibc
import Logging
import Testing

@testable import ScaledStorageService

/// What lines of the log look like.
struct LogTests {
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
}
