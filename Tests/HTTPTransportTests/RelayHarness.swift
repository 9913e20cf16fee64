import Foundation

@testable import HTTPTransport

/// A proxy on its own thread: whatever its server takes goes to one address.
final class RelayHarness: Sendable {
  /// What belongs to the loop.
  final class Context {
    let loop: EventLoop
    let proxy: TestProxy
    var server: HTTPServer?

    init(loop: EventLoop, proxy: TestProxy) {
      self.loop = loop
      self.proxy = proxy
    }
  }

  let address: SocketAddress
  private let context: LoopBound<Context>
  private let mailbox: Mailbox
  private let ended = DispatchSemaphore(value: 0)

  private final class Start: @unchecked Sendable {
    var result: Result<(SocketAddress, LoopBound<Context>, Mailbox), any Error>?
  }

  init(
    to upstream: SocketAddress, server: ServerLimits = ServerLimits(),
    client: ClientLimits = ClientLimits(), greeting: [(name: String, value: String)] = []
  ) throws {
    let started = DispatchSemaphore(value: 0)
    let ended = ended
    let start = Start()
    let thread = Thread {
      start.result = Result {
        let loop = try EventLoop()
        let proxy = TestProxy(
          HTTPClient(loop: loop, limits: client, greeting: { greeting }), to: upstream)
        let context = Context(loop: loop, proxy: proxy)
        let http = HTTPServer(loop: loop, limits: server, handler: proxy)
        context.server = http
        let address = try http.listen(on: .loopback())
        return (address, LoopBound(context, loop: loop), loop.mailbox)
      }
      started.signal()
      if case .success(let (_, context, _)) = start.result {
        context.value.loop.run()
        context.value.server = nil
      }
      ended.signal()
    }
    thread.start()
    started.wait()
    guard let result = start.result else { throw HarnessError.notStarted }
    (address, context, mailbox) = try result.get()
  }

  deinit {
    let context = context
    mailbox.post { context.value.loop.stop() }
    _ = ended.wait(timeout: .now() + 10)
  }

  /// Waits until `condition`, which is asked on the loop once a turn, holds.
  func waitUntil(_ condition: @escaping @Sendable (Context) -> Bool) throws {
    let done = DispatchSemaphore(value: 0)
    let context = context
    mailbox.post { RelayHarness.poll(context, condition, done) }
    guard done.wait(timeout: .now() + 20) == .success else { throw HarnessError.timedOut }
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
}

/// Relays everything once, and answers 502 with the error's code when that fails.
final class TestProxy: RequestHandler {
  let client: HTTPClient
  private let reference: PeerReference
  private var relays: [Relay] = []
  private var free: [Relay] = []
  private(set) var inFlight = 0

  private static let rules = RelayRules(
    passedOn: FieldNames(["x-on"]), passedBack: FieldNames(["etag", "x-back"]))

  init(_ client: HTTPClient, to upstream: SocketAddress) {
    self.client = client
    reference = client.reference(to: upstream)
  }

  deinit {
    for relay in relays { relay.abandon() }
  }

  func handle(_ exchange: Exchange) -> Disposition {
    let relay = free.popLast() ?? Relay(TestProxy.rules, owner: self)
    if relay.generation == 0 { relays.append(relay) }
    inFlight += 1
    relay.until = exchange.deadline ?? client.loop.now + .seconds(20)
    relay.begin(exchange)
    client.forward(relay, to: reference)
    return .later
  }

  private func done(_ relay: Relay) {
    inFlight -= 1
    free.append(relay)
  }
}

extension TestProxy: RelayOwner {
  func addFields(_ relay: Relay, to request: RequestEncoder) throws(TransportError) {
    try request.append("x-proxy", value: "1")
  }

  func relayAnswered(_ relay: Relay) {
    relay.finish()
    done(relay)
  }

  func relayFailed(_ relay: Relay, _ error: TransportError) {
    relay.exchange?.setProblem(
      status: 502, title: "Bad Gateway", code: error.code.rawValue, detail: error.message,
      retryable: error.isRetryable)
    relay.finish()
    done(relay)
  }

  func relayEnded(_ relay: Relay) { done(relay) }
}
