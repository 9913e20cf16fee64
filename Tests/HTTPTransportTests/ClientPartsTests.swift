import Testing

@testable import HTTPTransport

@Suite struct ClientPartsTests {
  @Test(
    arguments: [
      ("http://127.0.0.1:8080", "127.0.0.1", 8080, "/"),
      ("http://127.0.0.1:8080/", "127.0.0.1", 8080, "/"),
      ("HTTP://node.example/a/b?c=d", "node.example", 80, "/a/b?c=d"),
      ("http://[::1]:9/x", "::1", 9, "/x"),
      ("http://[::1]", "::1", 80, "/"),
      ("http://h:1?q", "h", 1, "/?q"), ("https://h/", "h", 443, "/"),
      ("HTTPS://[::1]:9443", "::1", 9_443, "/"),
    ] as [(String, String, UInt16, String)])
  func `an endpoint is read from a URL`(
    url: String, host: String, port: UInt16, target: String
  ) throws {
    let endpoint = try HTTPEndpoint(url)
    #expect(endpoint.host == host)
    #expect(endpoint.port == port)
    #expect(endpoint.target == target)
    #expect(endpoint.isSecure == url.lowercased().hasPrefix("https"))
    #expect(try HTTPEndpoint(endpoint.description) == endpoint)
  }

  @Test(arguments: [
    ("127.0.0.1:80", "scheme"), ("https://h:0/", "port"), ("ftp://h/", "'ftp'"),
    ("http://", "no host"), ("http://:80/", "no host"), ("http://h:0/", "port"),
    ("http://h:65536/", "port"), ("http://h:/", "port"), ("http://h:8a/", "port"),
    ("http://u@h/", "user name"), ("http://h/#f", "fragment"), ("http://::1/", "ambiguous"),
    ("http://[h]/", "not an IPv6"), ("http://h/a b", "blanks"), ("http://h/ü", "ASCII"),
  ])
  func `an endpoint that cannot be used is refused with the reason`(
    url: String, reason: String
  ) {
    let error = #expect(throws: TransportError.self) { try HTTPEndpoint(url) }
    #expect(error?.code == .invalidAddress)
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
  }

  @Test func `an endpoint resolves and extends its path`() throws {
    let endpoint = try HTTPEndpoint("http://localhost:81/base/?x=1")
    #expect(try endpoint.resolve() == SocketAddress.loopback(port: 81))
    #expect(endpoint.address == SocketAddress.loopback(port: 81))
    #expect(endpoint.target(for: "/a?b=c") == "/base/a?b=c")
    #expect(try HTTPEndpoint("http://h").target(for: "a") == "/a")
    #expect(try HTTPEndpoint("http://no-such-host.invalid").address == nil)
  }

  @Test(arguments: 0..<8)
  func `the deadline wheel reports each deadline once, never early and at most a tick late`(
    seed: UInt64
  ) {
    var random = SplitMix(state: seed)
    let start: UInt64 = 1_000_000_000_000
    let table = ExchangeTable(capacity: 500)
    var wheel = DeadlineWheel(now: start)
    var live: [Int32: UInt64] = [:]
    var now = start
    for _ in 0..<2_000 {
      switch random.next() % 3 {
      case 0, 1:
        guard let exchange = table.take() else { break }
        exchange.state = .waiting
        exchange.deadline = now + random.next() % 20_000_000_000
        live[exchange.slot] = exchange.deadline
        let due = wheel.insert(exchange, table: table)
        #expect(due >= exchange.deadline && due <= exchange.deadline + 2 * DeadlineWheel.tick)
      default:
        if let slot = live.keys.min(), let exchange = table[slot], random.next() % 2 == 0 {
          wheel.remove(exchange, table: table)
          live[slot] = nil
          table.recycle(exchange)
        }
      }
      now += random.next() % 60_000_000
      if random.next() % 50 == 0 { now += 10_000_000_000 }
      var due: [Int32] = []
      wheel.advance(to: now, table: table, into: &due)
      for slot in due {
        let deadline = live.removeValue(forKey: slot)
        #expect(deadline.map { $0 <= now } == true)
        if let exchange = table[slot] { table.recycle(exchange) }
      }
      #expect(live.values.allSatisfy { $0 + 2 * DeadlineWheel.tick > now })
      #expect(wheel.count == live.count)
      #expect((wheel.nextDue() == nil) == live.isEmpty)
    }
  }

  @Test func `a field longer than its length can say is refused`() {
    var fields: [UInt8] = []
    let name = [UInt8](repeating: 0x61, count: 70_000)
    let kept = name.withUnsafeBufferPointer { name in
      fields.appendField(name: name, value: .init(start: nil, count: 0))
    }
    #expect(!kept)
    #expect(fields.isEmpty)
  }

  @Test func `limits are brought into their ranges`() {
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 0
    limits.maxStreamsPerConnection = -1
    limits.streamWindow = .max
    limits.connectionWindow = 0
    limits.maxOutstanding = .max
    let normal = limits.normalized()
    #expect(normal.maxConnectionsPerPeer == 1)
    #expect(normal.maxStreamsPerConnection == 1)
    #expect(normal.streamWindow == Int(Int32.max))
    #expect(normal.connectionWindow == 65_535)
    #expect(normal.maxOutstanding == 1 << 24)
  }
}
