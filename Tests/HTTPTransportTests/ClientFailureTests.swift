import Foundation
import Glibc
import Testing

@testable import HTTPTransport

@Suite(.timeLimit(.minutes(1))) struct ClientFailureTests {
  @Test func `streams above a GOAWAY fail as retryable and those below are answered`() throws {
    let peer = try ScriptedPeer { wire, index in
      wire.greet()
      guard index == 0 else { return wire.serve() }
      for _ in 0..<3 { _ = wire.request() }
      wire.send(Frame(type: Frame.goAway, payload: big(1) + big(0)))
      wire.respond(1)
      _ = wire.request()
    }
    let harness = try ClientHarness()
    for number in 0..<3 { harness.send(number, to: peer.address) }
    harness.run()
    #expect(harness.response(0)?.status == 200)
    for number in 1...2 {
      #expect(harness.error(number)?.code == .goAway)
      #expect(harness.error(number)?.isRetryable == true)
    }
    harness.send(3, to: peer.address)
    harness.run()
    #expect(harness.response(3) != nil)
    #expect(peer.accepted == 2)
  }

  @Test func `a connection lost after GOAWAY leaves the streams it covered in doubt`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      _ = wire.request()
      wire.send(Frame(type: Frame.goAway, payload: big(1) + big(2)))
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address)
    harness.run()
    #expect(harness.error(0)?.code == .connectionClosed)
    #expect(harness.error(0)?.isRetryable == false)
  }

  @Test(arguments: [(7, TransportError.Code.refused, true), (2, .streamReset, false)])
  func `a reset stream is retryable only when it was refused`(
    code: UInt32, expected: TransportError.Code, isRetryable: Bool
  ) throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.send(Frame(type: Frame.reset, stream: stream, payload: big(code)))
      wire.serve()
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address)
    harness.run()
    #expect(harness.error(0)?.code == expected)
    #expect(harness.error(0)?.isRetryable == isRetryable)
    harness.send(1, to: peer.address)
    harness.run()
    #expect(harness.response(1) != nil)
    #expect(peer.accepted == 1)
  }

  @Test func `a peer that never answers meets the deadline and gets a reset`() throws {
    let resets = Tally()
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      if let reset = wire.receive(Frame.reset), reset.stream == stream, reset.payload == big(8) {
        resets.add()
      }
      _ = wire.request()
    }
    let harness = try ClientHarness()
    let start = ContinuousClock.now
    harness.send(0, to: peer.address, deadline: .milliseconds(30))
    harness.run()
    let elapsed = ContinuousClock.now - start
    #expect(harness.error(0)?.code == .timedOut)
    #expect(harness.error(0)?.isRetryable == false)
    #expect(elapsed >= .milliseconds(30))
    harness.run(until: { resets.value == 1 })
  }

  @Test func `a request that waited for a stream until its deadline is retryable`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet(maxStreams: 0)
      _ = wire.request()
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address, deadline: .milliseconds(30))
    harness.run()
    #expect(harness.error(0)?.code == .timedOut)
    #expect(harness.error(0)?.isRetryable == true)
  }

  @Test func `a peer that takes connections and says nothing fails the connection`() throws {
    let peer = try ScriptedPeer { wire, _ in while wire.receive() != nil {} }
    var limits = ClientLimits()
    limits.connectTimeout = .milliseconds(30)
    let harness = try ClientHarness(limits)
    harness.send(0, to: peer.address)
    harness.run()
    #expect(harness.error(0)?.code == .connectFailed)
    #expect(harness.error(0)?.isRetryable == true)
  }

  @Test func `a silent connection is probed and replaced`() throws {
    let peer = try ScriptedPeer { wire, index in
      wire.greet()
      if index > 0 { return wire.serve() }
      if let stream = wire.request() { wire.respond(stream) }
      while wire.receive() != nil {}
    }
    var limits = ClientLimits()
    limits.pingTimeout = .milliseconds(20)
    limits.minBackoff = .zero
    limits.maxConnectionsPerPeer = 1
    let harness = try ClientHarness(limits)
    harness.send(3, to: peer.address)
    harness.run()
    harness.send(0, to: peer.address, deadline: .milliseconds(20)) {
      // Waits for the verdict on the connection rather than going into its silence.
      harness.send(1, to: peer.address, deadline: .seconds(10))
    }
    harness.run()
    #expect(harness.error(0)?.code == .timedOut)
    // The request behind the probe fails with the connection or finds its successor.
    if let error = harness.error(1) { #expect(error.isRetryable) }
    harness.send(2, to: peer.address)
    harness.run()
    #expect(harness.response(2) != nil)
    #expect(peer.accepted == 2)
  }

  @Test(arguments: [false, true])
  func `a connection lost in the midst of a response leaves its requests in doubt`(
    byReset: Bool
  ) throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      let streams = [wire.request(), wire.request()]
      guard let first = streams[0], streams[1] != nil else { return }
      wire.send(
        Frame(type: 1, flags: 4, stream: first, payload: ok),
        Frame(type: 0, stream: first, payload: [1, 2, 3]))
      if byReset { wire.abort() }
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address)
    harness.send(1, to: peer.address)
    harness.run()
    for number in 0...1 {
      #expect(harness.error(number)?.code == .connectionClosed)
      #expect(harness.error(number)?.isRetryable == false)
    }
  }

  @Test(arguments: [(200, 1), (20, 10_000)])
  func `a flood of header fields fails one request and not the connection`(
    count: Int, length: Int
  ) throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      var block = ok
      for number in 0..<count {
        block += field("f\(number)", String(repeating: "v", count: length))
      }
      let parts = stride(from: 0, to: block.count, by: 16_384).map {
        Array(block[$0..<min($0 + 16_384, block.count)])
      }
      // RFC 9113 section 6.10: a section too long for one frame goes on in CONTINUATION frames.
      for (index, part) in parts.enumerated() {
        let end: UInt8 = index == parts.count - 1 ? 4 : 0
        wire.send(
          Frame(type: index == 0 ? 1 : 9, flags: end, stream: stream, payload: part))
      }
      wire.serve()
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address)
    harness.run()
    #expect(harness.error(0)?.code == .tooLarge)
    // A flood of CONTINUATION frames ends the connection in the library; another is opened.
    harness.send(1, to: peer.address, deadline: .seconds(10))
    harness.run()
    if length == 1 {
      #expect(harness.response(1) != nil)
      #expect(peer.accepted == 1)
    }
  }

  @Test func `a body beyond the limit fails one request and not the connection`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      guard let stream = wire.request() else { return }
      wire.respond(stream, body: [UInt8](repeating: 1, count: 1_001))
      guard let next = wire.request() else { return }
      wire.respond(next, body: [UInt8](repeating: 1, count: 1_000))
      _ = wire.receive()
    }
    var limits = ClientLimits()
    limits.maxBodyBytes = 1_000
    let harness = try ClientHarness(limits)
    harness.send(0, to: peer.address)
    harness.run()
    #expect(harness.error(0)?.code == .tooLarge)
    harness.send(1, to: peer.address)
    harness.run()
    #expect(harness.response(1)?.body.count == 1_000)
    #expect(peer.accepted == 1)
  }

  @Test func `bodies beyond the budget of all responses fail`() throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      let streams = [wire.request(), wire.request()].compactMap(\.self)
      for stream in streams {
        wire.send(
          Frame(type: 1, flags: 4, stream: stream, payload: ok),
          Frame(type: 0, stream: stream, payload: [UInt8](repeating: 1, count: 600)))
      }
      for stream in streams { wire.send(Frame(type: 0, flags: 1, stream: stream)) }
      wire.serve()
    }
    var limits = ClientLimits()
    limits.maxBufferedBytes = 1_000
    let harness = try ClientHarness(limits)
    harness.send(0, to: peer.address)
    harness.send(1, to: peer.address)
    harness.run()
    #expect(harness.response(0)?.body.count == 600)
    #expect(harness.error(1)?.code == .overloaded)
    #expect(harness.client?.table.bufferedBytes == 0)
  }

  static let malformed: [(String, [UInt8])] = [
    ("HTTP/1", Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
    ("noise", [UInt8](repeating: 0xA5, count: 200)),
  ]

  @Test(arguments: malformed)
  func `a peer that does not speak HTTP/2 is told apart`(_: String, bytes: [UInt8]) throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.send(bytes)
      while wire.receive() != nil {}
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address)
    harness.run()
    #expect(harness.error(0)?.code == .protocolViolation)
    #expect(harness.error(0)?.isRetryable == false)
  }

  static let broken: [(String, [Frame])] = [
    ("DATA on stream 0", [Frame(type: 0, payload: [1])]),
    ("DATA before HEADERS", [Frame(type: 0, flags: 1, stream: 1, payload: [1])]),
    ("bad HPACK", [Frame(type: 1, flags: 5, stream: 1, payload: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF])]),
    ("frame too large", [Frame(type: 0, stream: 1, payload: .init(repeating: 0, count: 20_000))]),
    ("no status", [Frame(type: 1, flags: 5, stream: 1, payload: field("a", "b"))]),
    ("bad status", [Frame(type: 1, flags: 5, stream: 1, payload: field(":status", "2x0"))]),
    ("status twice", [Frame(type: 1, flags: 5, stream: 1, payload: ok + ok)]),
    (
      "connection field",
      [
        Frame(type: 1, flags: 5, stream: 1, payload: ok + field("connection", "close"))
      ]
    ),
    (
      "length too great",
      [
        Frame(type: 1, flags: 5, stream: 1, payload: ok + field("content-length", "9"))
      ]
    ),
    (
      "length too small",
      [
        Frame(type: 1, flags: 4, stream: 1, payload: ok + field("content-length", "1")),
        Frame(type: 0, flags: 1, stream: 1, payload: [1, 2]),
      ]
    ),
    ("push", [Frame(type: 5, flags: 4, stream: 1, payload: big(2) + [0x82, 0x84, 0x86])]),
    ("window overflow", [Frame(type: 8, payload: big(0x7FFF_FFFF))]),
    ("window increment 0", [Frame(type: 8, stream: 1, payload: big(0))]),
    ("PING of 7 bytes", [Frame(type: 6, payload: .init(repeating: 0, count: 7))]),
    ("stray CONTINUATION", [Frame(type: 9, flags: 4, stream: 1, payload: ok)]),
    ("SETTINGS of 5 bytes", [Frame(type: 4, payload: .init(repeating: 0, count: 5))]),
  ]

  @Test(arguments: broken)
  func `a broken frame fails the request as a violation`(_: String, frames: [Frame]) throws {
    let peer = try ScriptedPeer { wire, _ in
      wire.greet()
      _ = wire.request()
      wire.send(frames.flatMap(\.bytes))
      while wire.receive() != nil {}
    }
    let harness = try ClientHarness()
    harness.send(0, to: peer.address)
    harness.run()
    #expect(harness.error(0)?.code == .protocolViolation, "\(harness.results)")
    #expect(harness.error(0)?.isRetryable == false)
  }

  @Test(arguments: 0..<40)
  func `damaged bytes never harm more than their connection`(seed: UInt64) throws {
    let peer = try ScriptedPeer { wire, index in
      wire.greet()
      guard index == 0, let stream = wire.request() else { return wire.serve() }
      var random = SplitMix(state: seed)
      var bytes =
        Frame(type: 1, flags: 4, stream: stream, payload: ok + field("a", "b")).bytes
        + Frame(type: 0, stream: stream, payload: .init(repeating: 3, count: 50)).bytes
        + Frame(type: 6, payload: .init(repeating: 0, count: 8)).bytes
        + Frame(type: 8, stream: stream, payload: big(9)).bytes
        + Frame(type: 0, flags: 1, stream: stream, payload: [1]).bytes
      for _ in 0..<(1 + random.next() % 6) {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      wire.send(bytes)
    }
    var limits = ClientLimits()
    limits.minBackoff = .zero
    let harness = try ClientHarness(limits)
    for number in 0..<5 { harness.send(number, to: peer.address) }
    harness.run()
    harness.send(9, to: peer.address)
    harness.run()
    #expect(harness.order.count == 6)
    #expect(harness.response(9) != nil)
  }
}
