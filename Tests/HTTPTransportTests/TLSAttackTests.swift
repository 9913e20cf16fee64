import Foundation
import Testing

@testable import HTTPTransport

/// A server over TLS, with peers that are slow, wrong or hostile.
@Suite(.timeLimit(.minutes(1)))
struct TLSAttackTests {
  private static let get = "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n"

  @Test("a handshake may come byte by byte")
  func dribble() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let peer = try SecurePeer(harness.address, offering: "\u{8}http/1.1")
    try peer.shakeHands(chunk: 1)
    try peer.send(TLSAttackTests.get)
    #expect(try peer.receive(until: "hello").hasPrefix("HTTP/1.1 200"))
  }

  @Test("a request may come in many records, and byte by byte")
  func manyRecords() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let peer = try SecurePeer.http1(harness.address)
    for byte in TLSAttackTests.get.utf8 {
      let sealed = [byte].withUnsafeBytes { peer.session.seal($0).map { Array($0) } }
      try peer.transmit(try #require(sealed), chunk: 1)
    }
    #expect(try peer.receive(until: "hello").hasPrefix("HTTP/1.1 200"))
  }

  @Test("half a ClientHello is given up at the header timeout", arguments: [1, 6, 60])
  func halfHello(count: Int) throws {
    var limits = ServerLimits()
    limits.headerTimeout = .milliseconds(100)
    let harness = try ServerHarness(limits, tls: try TestAuthority.files())
    let peer = try SecurePeer(harness.address)
    try peer.transmit(Array(peer.hello().prefix(count)))
    try harness.waitUntil { $0.server?.connectionCount == 1 }
    #expect(try peer.raw.receiveSome() == false)
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test(
    "a peer that says nothing is given up at the header timeout, before and after the handshake")
  func silence() throws {
    var limits = ServerLimits()
    limits.headerTimeout = .milliseconds(100)
    let harness = try ServerHarness(limits, tls: try TestAuthority.files())
    let mute = try RawPeer(harness.address)
    #expect(try mute.receiveSome() == false)
    let peer = try SecurePeer(harness.address)
    try peer.shakeHands()
    _ = try peer.receiveToEnd()
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test(
    "what is no handshake ends the connection",
    arguments: [
      [UInt8](repeating: 0, count: 100), [UInt8](repeating: 0xFF, count: 70_000),
      [22, 3, 1, 0, 5, 1, 0, 0, 1, 0], [22, 3, 1, 0xFF, 0xFF, 1], [21, 3, 3, 0, 2, 2, 40],
      [23, 3, 3, 0, 5, 1, 2, 3, 4, 5], [20, 3, 3, 0, 1, 1],
    ] as [[UInt8]])
  func garbage(bytes: [UInt8]) throws {
    var limits = ServerLimits()
    limits.headerTimeout = .milliseconds(200)
    limits.lingerTimeout = .milliseconds(50)
    let harness = try ServerHarness(limits, tls: try TestAuthority.files())
    let peer = try RawPeer(harness.address)
    // The server may have ended the connection before it took all.
    try? peer.send(bytes)
    while (try? peer.receiveSome()) == true {}
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test("mutated handshakes and records do no harm")
  func mutations() throws {
    var limits = ServerLimits()
    limits.headerTimeout = .milliseconds(100)
    limits.lingerTimeout = .milliseconds(20)
    let harness = try ServerHarness(limits, tls: try TestAuthority.files())
    var generator = SystemRandomNumberGenerator()
    for round in 0..<200 {
      let peer = try SecurePeer(harness.address, offering: "\u{8}http/1.1")
      var bytes: [UInt8]
      if round.isMultiple(of: 2) {
        bytes = peer.hello()
      } else {
        try peer.shakeHands()
        bytes =
          TLSAttackTests.get.utf8.withContiguousStorageIfAvailable { text in
            peer.session.seal(UnsafeRawBufferPointer(text)).map { Array($0) } ?? []
          } ?? []
      }
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
          in: 0...255, using: &generator)
      }
      try? peer.transmit(bytes)
      peer.raw.finishSending()
      while (try? peer.raw.receiveSome()) == true {}
    }
    try harness.waitUntil { $0.server?.connectionCount == 0 }
    let peer = try SecurePeer.http1(harness.address)
    try peer.send(TLSAttackTests.get)
    #expect(try peer.receive(until: "hello").hasPrefix("HTTP/1.1 200"))
  }

  // MARK: The wrong port

  @Test(
    "plain HTTP on a port that speaks TLS is told so",
    arguments: [get, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "G"])
  func plainText(bytes: String) throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let peer = try RawPeer(harness.address)
    try peer.send(bytes)
    let answer = try peer.receiveUntilClosed()
    #expect(answer.hasPrefix("HTTP/1.1 400"))
    #expect(answer.contains("This port speaks TLS; use https:// for its URLs."))
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test("TLS on a port that speaks plain HTTP is told so")
  func unexpectedTLS() throws {
    let harness = try ServerHarness()
    let peer = try SecurePeer(harness.address)
    try peer.transmit(peer.hello())
    let answer = try peer.raw.receiveUntilClosed()
    #expect(answer.hasPrefix("HTTP/1.1 400"))
    #expect(answer.contains("This port speaks plain HTTP, not TLS; use http:// for its URLs."))
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test("an upgrade to h2c within TLS is no upgrade (RFC 7540 section 3.2)")
  func upgrade() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let peer = try SecurePeer.http1(harness.address)
    try peer.send(
      "GET /hello HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
        + "http2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
    #expect(try peer.receive(until: "hello").hasPrefix("HTTP/1.1 200"))
  }

  // MARK: Ends

  @Test("the end of a connection is told by close_notify")
  func orderlyEnd() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let peer = try SecurePeer.http1(harness.address)
    try peer.send("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    #expect(try peer.receiveToEnd().hasSuffix("hello"))
    #expect(peer.isFinished)
  }

  @Test("a server that shuts down says close_notify to idle peers")
  func shutdown() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let peer = try SecurePeer.http1(harness.address)
    try peer.send(TLSAttackTests.get)
    _ = try peer.receive(until: "hello")
    let done = try harness.shutdown(within: .seconds(5))
    _ = try peer.receiveToEnd()
    #expect(peer.isFinished)
    #expect(done.wait(timeout: .now() + 10) == .success)
  }

  @Test("a peer that has said close_notify still gets its answers")
  func halfClose() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let peer = try SecurePeer.http1(harness.address)
    try peer.send("GET /timer HTTP/1.1\r\nhost: a\r\n\r\n")
    try peer.finishSending()
    #expect(try peer.receiveToEnd().hasSuffix("late"))
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test("a record that was tampered with ends the connection with an alert")
  func tampering() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let peer = try SecurePeer.http1(harness.address)
    var record = Array(TLSAttackTests.get.utf8).withUnsafeBytes {
      peer.session.seal($0).map { Array($0) } ?? []
    }
    let last = try #require(record.indices.last)
    record[last] ^= 1
    try peer.transmit(record)
    let error = #expect(throws: SecurePeer.Ending.self) { try peer.receiveToEnd() }
    guard case .failed(let reason) = error else {
      Issue.record("no alert came")
      return
    }
    #expect(reason.contains("bad record mac"))
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  // MARK: Bounds

  @Test("a connection beyond the limit is closed without a handshake")
  func beyondLimit() throws {
    var limits = ServerLimits()
    limits.maxConnections = 1
    let harness = try ServerHarness(limits, tls: try TestAuthority.files())
    let first = try SecurePeer.http1(harness.address)
    let second = try SecurePeer(harness.address)
    #expect(throws: (any Error).self) { try second.shakeHands() }
    try first.send(TLSAttackTests.get)
    #expect(try first.receive(until: "hello").hasPrefix("HTTP/1.1 200"))
  }

  @Test("a peer that takes nothing is given up")
  func slowReader() throws {
    var limits = ServerLimits()
    limits.sendTimeout = .milliseconds(300)
    let harness = try ServerHarness(limits, tls: try TestAuthority.files())
    let peer = try SecurePeer(
      harness.address, offering: "\u{8}http/1.1", receiveBuffer: 4_096)
    try peer.shakeHands()
    try peer.send("GET /large?8000000 HTTP/1.1\r\nhost: a\r\n\r\n")
    try harness.waitUntil { ($0.server?.bufferedBytes ?? 0) > 0 }
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
    _ = peer
  }
}
