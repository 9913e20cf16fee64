import Foundation
import HTTPTransport

/// A server on its own thread, for one test.
final class ServerHarness: Sendable {
  /// What belongs to the loop.
  final class Context {
    let loop: EventLoop
    var server: HTTPServer?
    let handler: TestHandler
    /// Kept beyond the server's life, to tell whether a token is stale.
    var tokens: [ExchangeToken] { handler.tokens }

    init(loop: EventLoop, handler: TestHandler) {
      self.loop = loop
      self.handler = handler
    }
  }

  let address: SocketAddress
  private let context: LoopBound<Context>
  private let mailbox: Mailbox
  private let ended = DispatchSemaphore(value: 0)

  init(
    _ limits: ServerLimits = ServerLimits(), tls: TLSFiles? = nil,
    demandsClientCertificate: Bool = false
  ) throws {
    let started = DispatchSemaphore(value: 0)
    let ended = ended
    let box = StartBox()
    let thread = Thread {
      ServerHarness.serve(box, started) { context in
        let tls = try tls.map {
          try TLSContext($0, demandsClientCertificate: demandsClientCertificate)
        }
        return try ServerHarness.start(context, limits, tls)
      }
      ended.signal()
    }
    thread.start()
    started.wait()
    if let failure = box.failure { throw failure }
    guard let address = box.address, let context = box.context, let mailbox = box.mailbox else {
      throw HarnessError.notStarted
    }
    self.address = address
    self.context = context
    self.mailbox = mailbox
  }

  private static func serve(
    _ box: StartBox, _ started: DispatchSemaphore, _ start: (Context) throws -> SocketAddress
  ) {
    do {
      let loop = try EventLoop()
      let context = Context(loop: loop, handler: TestHandler())
      box.address = try start(context)
      box.mailbox = loop.mailbox
      box.context = LoopBound(context, loop: loop)
      started.signal()
      loop.run()
      context.server = nil
    } catch {
      box.failure = error
      started.signal()
    }
  }

  /// Apart from the loop's frame, so that the context alone keeps the server.
  private static func start(
    _ context: Context, _ limits: ServerLimits, _ tls: TLSContext?
  ) throws -> SocketAddress {
    let server = HTTPServer(loop: context.loop, limits: limits, tls: tls, handler: context.handler)
    context.server = server
    context.handler.onTimer = { [unowned server] token in
      server.loop.schedule(after: .milliseconds(20)) {
        guard let exchange = server.exchange(token) else { return }
        exchange.setBody(Array("late".utf8))
        exchange.finish()
      }
    }
    return try server.listen(on: .loopback())
  }

  deinit {
    let context = context
    mailbox.post { context.value.loop.stop() }
    _ = ended.wait(timeout: .now() + 10)
  }

  /// Runs `body` on the loop and waits for its result.
  func onLoop<Result: Sendable>(_ body: @escaping @Sendable (Context) -> Result) throws -> Result {
    let done = DispatchSemaphore(value: 0)
    let box = ResultBox<Result>()
    let context = context
    mailbox.post {
      box.value = body(context.value)
      done.signal()
    }
    guard done.wait(timeout: .now() + 10) == .success, let value = box.value else {
      throw HarnessError.timedOut
    }
    return value
  }

  /// Waits until `condition`, which is asked on the loop once a turn, holds.
  func waitUntil(_ condition: @escaping @Sendable (Context) -> Bool) throws {
    let done = DispatchSemaphore(value: 0)
    let context = context
    mailbox.post { ServerHarness.poll(context, condition, done) }
    guard done.wait(timeout: .now() + 10) == .success else { throw HarnessError.timedOut }
  }

  private static func poll(
    _ context: LoopBound<Context>, _ condition: @escaping @Sendable (Context) -> Bool,
    _ done: DispatchSemaphore
  ) {
    if condition(context.value) {
      done.signal()
      return
    }
    context.value.loop.schedule(after: .milliseconds(2)) { poll(context, condition, done) }
  }

  /// Starts a graceful shutdown; the semaphore is signalled when it is done.
  func shutdown(within bound: Duration) throws -> DispatchSemaphore {
    let done = DispatchSemaphore(value: 0)
    _ = try onLoop { context in
      context.server?.shutdown(within: bound) { done.signal() }
      return true
    }
    return done
  }
}

enum HarnessError: Error {
  case notStarted, timedOut, closed, malformed(String), system(Int32)
}

private final class StartBox: @unchecked Sendable {
  var address: SocketAddress?
  var context: LoopBound<ServerHarness.Context>?
  var mailbox: Mailbox?
  var failure: (any Error)?
}

private final class ResultBox<Value>: @unchecked Sendable {
  var value: Value?
}

/// Answers by path.
final class TestHandler: RequestHandler {
  /// Exchanges that wait for ``release(_:)``.
  private(set) var tokens: [ExchangeToken] = []
  private(set) var handled = 0
  /// Answers that go on, and how many of them ended without us.
  private(set) var streams: [AnswerStream] = []
  private(set) var endedStreams = 0
  /// Called for `/timer`, to answer the exchange in a while.
  var onTimer: ((ExchangeToken) -> Void)?
  /// Called for `/end`, in the midst of the connection's work.
  var onEnd: (() -> Void)?

  func handle(_ exchange: Exchange) -> Disposition {
    handled += 1
    switch String(decoding: exchange.path, as: UTF8.self) {
    case "/hello":
      exchange.setHeader("content-type", static: "text/plain")
      exchange.setBody(Array("hello".utf8))
    case "/echo":
      exchange.setBody(exchange.body)
    case "/large":
      let count = Int(String(decoding: exchange.query, as: UTF8.self)) ?? 0
      exchange.setBody(TestHandler.pattern(count))
    case "/fields":
      var text = ""
      exchange.forEachHeader { name, value in
        text += String(decoding: name, as: UTF8.self) + ": "
        text += String(decoding: value, as: UTF8.self) + "\n"
      }
      exchange.setBody(Array(text.utf8))
    case "/trust":
      exchange.trustConnection()
    case "/later":
      tokens.append(exchange.token)
      return .later
    case "/timer":
      let token = exchange.token
      onTimer?(token)
      return .later
    case "/security":
      exchange.setBody(
        Array(
          "\(exchange.isSecure) \(exchange.hasClientCertificate) \(exchange.lacksClientCertificate)"
            .utf8))
    case "/describe":
      exchange.setBody(Array(describe(exchange).utf8))
    case "/split":
      exchange.setHeader("x-value", "a\r\nx-injected: 1")
      exchange.setHeader(name: "X-Dynamic", "kept")
      exchange.setHeader(name: "bad name", "dropped")
      exchange.setHeader("content-length", "999")
    case "/end":
      onEnd?()
      exchange.setBody(Array("ended".utf8))
    case "/stream":
      let stream = exchange.beginStream(limit: 65_536)
      stream.onEnd = { [unowned self] in endedStreams += 1 }
      stream.send(Array("begin ".utf8))
      streams.append(stream)
    case "/untimed":
      exchange.leaveUntimed()
    case "/empty":
      exchange.status = 204
    default:
      exchange.setProblem(
        status: 404, title: "Not Found", code: "unknown_path", detail: "Use \"/hello\".")
    }
    return .done
  }

  /// `/hello` stands for what is answered in any case.
  func isSheddable(_ exchange: Exchange) -> Bool { !exchange.path.elementsEqual("/hello".utf8) }

  /// Answers what waits; returns how many were still there.
  func release(_ server: HTTPServer?, body: [UInt8] = Array("late".utf8)) -> Int {
    var count = 0
    for token in tokens {
      guard let exchange = server?.exchange(token) else { continue }
      exchange.setBody(body)
      exchange.finish()
      count += 1
    }
    return count
  }

  static func pattern(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: max(count, 0)) { buffer, initialized in
      for index in 0..<max(count, 0) {
        buffer[index] = UInt8(truncatingIfNeeded: index &* 31 &+ index >> 8)
      }
      initialized = max(count, 0)
    }
  }

  private func describe(_ exchange: Exchange) -> String {
    let path = String(decoding: exchange.path, as: UTF8.self)
    let query = String(decoding: exchange.query, as: UTF8.self)
    return "\(exchange.method) \(path) \(query) \(exchange.version) \(exchange.body.count) "
      + "host=\(exchange.header("host") ?? "-") x=\(exchange.header("x-test") ?? "-")"
  }
}
