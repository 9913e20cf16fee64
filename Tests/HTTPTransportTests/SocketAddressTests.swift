import HTTPTransport
import Testing

@Suite struct SocketAddressTests {
  @Test(arguments: [
    ("127.0.0.1:80", "127.0.0.1:80", true), ("localhost:1", "127.0.0.1:1", true),
    ("0.0.0.0:0", "0.0.0.0:0", false), ("[::1]:65535", "[::1]:65535", true),
    ("[fe80::1]:9", "[fe80::1]:9", false), ("[::ffff:127.0.0.1]:9", "[::ffff:127.0.0.1]:9", true),
    ("10.1.2.3:5", "10.1.2.3:5", false),
  ])
  func readsAndWrites(text: String, expected: String, isLoopback: Bool) throws {
    let address = try SocketAddress(text)
    #expect(address.description == expected)
    #expect(address.isLoopback == isLoopback)
    #expect(try SocketAddress(address.description) == address)
  }

  @Test(arguments: [
    "", ":", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
    "example.org:80", "[::1]", "[::1:80", "256.0.0.1:80", "127.0.0.1:8a",
  ])
  func refusesWithASentence(text: String) {
    #expect {
      try SocketAddress(text)
    } throws: { error in
      guard let error = error as? TransportError else { return false }
      return error.code == .invalidAddress && error.message.contains("'\(text)'")
    }
  }

  @Test func resolvesNames() throws {
    #expect(try SocketAddress(resolving: "localhost:80").isLoopback)
    #expect(throws: TransportError.self) { try SocketAddress(resolving: "no-such-host.invalid:80") }
  }

  @Test func aTakenPortIsToldSo() throws {
    let harness = try ServerHarness()
    let address = harness.address
    #expect {
      try ServerHarness.listenOnce(on: address)
    } throws: { error in
      (error as? TransportError)?.message.contains("\(address)") == true
    }
  }

  @Test func servesOnIPv6() throws {
    let address = try ServerHarness.listenOnce(on: SocketAddress("[::1]:0"))
    #expect(address.isIPv6 && address.port != 0)
  }
}

extension ServerHarness {
  /// Listens and closes again.
  static func listenOnce(on address: SocketAddress) throws -> SocketAddress {
    let loop = try EventLoop()
    let server = HTTPServer(loop: loop, handler: TestHandler())
    return try server.listen(on: address)
  }
}
