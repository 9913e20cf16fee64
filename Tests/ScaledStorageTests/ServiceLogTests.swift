import HTTPTransport
import Logging
import ScaledStorage
import Synchronization
import Testing

@Suite("What a service's code fails with")
struct ServiceLogTests {
  private struct Mistake: Error {
    let secret: String
  }

  @Test(
    "The log has it, with the method's name; callers have not",
    arguments: ["at_once", "later", "look", "refused"])
  func failures(method: String) throws {
    var app = CanisterManager<Int>(shouldScaleUp: { _ in false })
    app.use { request in
      if request.method == "refused" { throw Mistake(secret: "refused") }
    }
    app.update("at_once") { (context, key: String) -> Void in throw Mistake(secret: "at_once") }
    app.update("later") { (context, key: String) -> Void in
      try await context.withUpsertData(key, default: 0) { $0 += 1 }.orForward()
      throw Mistake(secret: "later")
    }
    app.query("look") { (context, key: String) -> Int in throw Mistake(secret: "look") }
    app.query("refused") { (context, key: String) in 1 }
    let log = Log()
    let node = try ServiceNode(app, logger: Logger(label: "test") { _ in Handler(log: log) })
    let answer = try node.send(.post, "/" + method, #"("key")"#)
    #expect(answer.header("ss-error") == "handler_failed")
    #expect(!answer.text.contains("secret"))
    #expect(log.lines.contains { $0.contains("/\(method) failed") && $0.contains("secret") })
  }

  private final class Log: Sendable {
    private let noted = Mutex<[String]>([])
    var lines: [String] { noted.withLock { $0 } }
    func add(_ line: String) { noted.withLock { $0.append(line) } }
  }

  private struct Handler: LogHandler {
    let log: Log
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.trace

    func log(event: LogEvent) { log.add("\(event.message)") }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
  }
}
