import Glibc
import Testing

@testable import HTTPTransport

/// Clients that take what others need: memory, connections, the loop's time.
@Suite(.timeLimit(.minutes(1)))
struct ResourceAttackTests {
  typealias Frame = HTTP2Peer.Frame

  @Test("A client that opens its windows byte by byte does not keep its answers") func trickle()
    throws
  {
    var limits = ServerLimits()
    limits.sendTimeout = .milliseconds(200)
    limits.minSendProgress = 1 << 20
    let harness = try ServerHarness(limits)
    let client = HTTP2Peer(try RawPeer(harness.address))
    try client.start([(4, 0)])
    // As many turns of the network as bytes: more than there is time for.
    try client.send(headers(1, HTTP2Peer.fields("GET", "/large?1000000")))
    var count = 0
    while count < 1_000_000 {
      guard (try? client.send(window(1, 1))) != nil, let frame = try? client.next() else { break }
      if frame.type == HTTP2Peer.data { count += frame.payload.count }
    }
    #expect(count < 1_000_000)
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
    try expectAlive(harness)
  }

  @Test("A client that reads byte by byte does not keep its answer") func slowReader() throws {
    var limits = ServerLimits()
    limits.sendTimeout = .milliseconds(200)
    limits.minSendProgress = 1 << 30
    let harness = try ServerHarness(limits)
    let peer = try RawPeer(harness.address, receiveBuffer: 4_096)
    try peer.send("GET /large?50000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    var byte: UInt8 = 0
    while recv(peer.descriptor, &byte, 1, 0) > 0 {
      if try harness.onLoop({ $0.server?.connectionCount == 0 }) { break }
    }
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
    try expectAlive(harness)
  }

  @Test("The bodies of one connection leave room for others") func manyUploads() throws {
    var limits = ServerLimits()
    limits.maxBufferedBytes = 8_000_000
    limits.maxBodyBytes = 1_000_000
    let harness = try ServerHarness(limits)
    let hog = try HTTP2Peer(harness.address)
    let piece = [UInt8](repeating: 1, count: 16_000)
    for index in 0..<100 as Range<UInt32> {
      try hog.send(post(2 * index + 1))
      for _ in 0..<3 { try hog.send(data(2 * index + 1, piece, 0)) }
      // What is refused is answered; the rest is held.
      try hog.send(ping())
      _ = try hog.first { $0.type == HTTP2Peer.ping && $0.flags & Flag.ack != 0 }
    }
    #expect(try harness.onLoop { $0.server?.bufferedBytes ?? 0 } < 4_000_000)
    let client = try HTTP2Peer(harness.address)
    try client.send(post(), data(1, piece))
    #expect(try client.bytes(of: 1) == piece)
    #expect(try hog.body(of: 199).contains("\"code\":\"overloaded\""))
  }

  @Test(
    "Header sections that are held count too",
    arguments: ["/echo", "/later"])
  func manyHeads(path: String) throws {
    var limits = ServerLimits()
    limits.maxBufferedBytes = 4_000_000
    limits.maxBodyBytes = 100_000
    let harness = try ServerHarness(limits)
    let hogs = try (0..<4).map { _ in try HTTP2Peer(harness.address) }
    let field = ("x", String(repeating: "y", count: 15_000))
    for index in 0..<100 as Range<UInt32> {
      for hog in hogs {
        // Of `/echo` the body never comes.
        let flags = path == "/echo" ? Flag.endHeaders : Flag.endHeaders | Flag.endStream
        try hog.send(headers(2 * index + 1, HTTP2Peer.fields("POST", path, [field]), flags))
      }
    }
    for hog in hogs {
      try hog.send(ping())
      _ = try hog.first { $0.type == HTTP2Peer.ping && $0.flags & Flag.ack != 0 }
      #expect(try hog.body(of: 199).contains("\"code\":\"overloaded\""))
    }
    #expect(try harness.onLoop { $0.server?.bufferedBytes ?? 0 } < 4_100_000)
    try expectAlive(harness)
    try harness.waitUntil { context in
      _ = context.handler.release(context.server)
      return context.server?.core.waitingCount == 0
    }
  }

  @Test("Connections of one address are bounded, and counted down when they end")
  func connectionsOfAnAddress() throws {
    var limits = ServerLimits()
    limits.maxConnectionsPerAddress = 2
    let harness = try ServerHarness(limits)
    let crowd = try ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "192.0.2.9:1"].map {
      try SocketAddress($0)
    }
    var descriptors = try crowd.map { address in
      let pair = try socketPair()
      _ = try harness.onLoop { context in
        context.server?.core.admit(Descriptor(owning: pair.server), from: address)
        return true
      }
      return pair.client
    }
    func isRefused(_ index: Int) -> Bool {
      var buffer = [UInt8](repeating: 0, count: 64)
      let request = Array("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
      _ = send(descriptors[index], request, request.count, Int32(MSG_NOSIGNAL))
      let count = recv(descriptors[index], &buffer, 64, 0)
      return String(decoding: buffer[..<max(count, 0)], as: UTF8.self).hasPrefix("HTTP/1.1 503")
    }
    #expect([0, 1, 2, 3].map(isRefused) == [false, false, true, false])
    for descriptor in descriptors { close(descriptor) }
    try harness.waitUntil { $0.server?.connectionCount == 0 }
    let pair = try socketPair()
    descriptors = [pair.client]
    _ = try harness.onLoop { context in
      context.server?.core.admit(Descriptor(owning: pair.server), from: crowd[0])
      return true
    }
    #expect(!isRefused(0))
    close(pair.client)
  }

  private func socketPair() throws -> (client: Int32, server: Int32) {
    var pair: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else {
      throw HarnessError.system(errno)
    }
    _ = fcntl(pair[1], F_SETFL, O_NONBLOCK)
    return (pair[0], pair[1])
  }

  @Test("Requests that wait for their answers are bounded") func waitingRequests() throws {
    var limits = ServerLimits()
    limits.maxWaiting = 4
    let harness = try ServerHarness(limits)
    let client = try HTTP2Peer(harness.address)
    for index in 0..<5 as Range<UInt32> { try client.request(2 * index + 1, "/later") }
    #expect(try client.body(of: 9).contains("\"code\":\"overloaded\""))
    // What is no request for keys is answered.
    try client.send(get(11))
    #expect(try client.body(of: 11) == "hello")
    #expect(try harness.onLoop { $0.handler.release($0.server) } == 4)
    #expect(try client.body(of: 7) == "late")
    try client.request(13, "/large?5")
    #expect(try client.bytes(of: 13).count == 5)
    // Those that nobody waits for any more are not counted either.
    try client.request(15, "/later")
    try client.send(reset(15))
    try harness.waitUntil { $0.server?.core.waitingCount == 0 }
  }

  @Test("An overloaded server refuses a part with 503, and all is well when it is over")
  func overload() throws {
    let harness = try ServerHarness()
    let client = try HTTP2Peer(harness.address)
    let later: UInt64 = 3_600_000_000_000
    _ = try harness.onLoop { context in
      guard let server = context.server else { return false }
      var now = server.loop.now.nanoseconds + later
      for _ in 0..<100 {
        server.core.shedder.begin(
          turn: 0, wait: .seconds(1), now: MonotonicTime(nanoseconds: now))
        now += 1_000_000_000
      }
      return true
    }
    var refused = 0
    for index in 0..<64 as Range<UInt32> {
      try client.request(4 * index + 1, "/large?5")
      let head = try client.first(HTTP2Peer.headers, stream: 4 * index + 1)
      let body = try client.body(of: 4 * index + 1)
      if body.contains("\"code\":\"overloaded\"") { refused += 1 }
      #expect(!head.payload.isEmpty)
      try client.send(get(4 * index + 3))
      #expect(try client.body(of: 4 * index + 3) == "hello")
    }
    #expect((50..<64).contains(refused), "\(refused)")
    _ = try harness.onLoop { context in
      context.server?.core.shedder.begin(
        turn: 0, wait: .zero, now: MonotonicTime(nanoseconds: .max / 2))
      return true
    }
    for index in 100..<120 as Range<UInt32> {
      try client.request(4 * index + 1, "/large?5")
      #expect(try client.bytes(of: 4 * index + 1).count == 5)
    }
  }

  @Test("A refusal for overload says when to come back") func retryAfter() throws {
    var limits = ServerLimits()
    limits.maxWaiting = 1
    let harness = try ServerHarness(limits)
    let holder = try RawPeer(harness.address)
    try holder.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
    try harness.waitUntil { $0.server?.core.waitingCount == 1 }
    let peer = try RawPeer(harness.address)
    try peer.send("GET /large?5 HTTP/1.1\r\nHost: a\r\n\r\n")
    let response = try peer.response()
    #expect(response.status == 503)
    #expect(response.head.contains("retry-after: 1\r\n"))
    #expect(response.text.contains("\"retryable\":true"))
  }
}
