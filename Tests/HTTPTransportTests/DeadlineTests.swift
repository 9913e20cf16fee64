import Testing

@testable import HTTPTransport

/// `ss-deadline`: how long the answer is waited for.
@Suite(.timeLimit(.minutes(1))) struct DeadlineTests {
  private func ask(
    _ value: String, _ address: SocketAddress, version: HTTPVersion
  ) throws -> (status: String, body: String) {
    switch version {
    case .http2:
      let client = try ClientHarness()
      let response = try #require(client.client).sendAndWait(
        ClientRequest(target: "/hello", headers: [("ss-deadline", value)]), to: address,
        deadline: .seconds(20))
      return (String(response.status), String(decoding: response.body, as: UTF8.self))
    case .http1:
      let peer = try RawPeer(address)
      try peer.send(
        "GET /hello HTTP/1.1\r\nhost: a\r\nSS-Deadline: \(value)\r\nconnection: close\r\n\r\n")
      while try peer.receiveSome() {}
      let text = String(decoding: peer.received, as: UTF8.self)
      return (String(text.dropFirst(9).prefix(3)), text)
    }
  }

  @Test(
    "A request in time is served, one that is late is refused, a malformed time is explained",
    arguments: [
      ("60000", "200", "hello"), ("0", "504", "deadline_exceeded"),
      ("999999999999999999", "200", "hello"), ("", "400", "bad_header"),
      ("-1", "400", "bad_header"), ("1.5", "400", "bad_header"), ("5s", "400", "bad_header"),
      ("99999999999999999999", "400", "bad_header"),
    ], [HTTPVersion.http1, .http2])
  func values(row: (value: String, status: String, body: String), version: HTTPVersion) throws {
    let server = try ServerHarness()
    let answer = try ask(row.value, server.address, version: version)
    #expect(answer.status == row.status)
    #expect(answer.body.contains(row.body))
  }

  @Test("A body that takes longer than the deadline ends the request before it is handled")
  func slowBody() throws {
    let server = try ServerHarness()
    let peer = try HTTP2Peer(server.address)
    let head = HTTP2Peer.fields("POST", "/echo", [("ss-deadline", "1")])
    try peer.send(
      HTTP2Peer.Frame(
        type: HTTP2Peer.headers, flags: 4, stream: 1, payload: HTTP2Peer.block(head)))
    let sent = try server.onLoop { $0.loop.now }
    try server.waitUntil { $0.loop.now > sent + .milliseconds(20) }
    try peer.send(HTTP2Peer.Frame(type: HTTP2Peer.data, flags: 1, stream: 1, payload: [1]))
    #expect(try peer.body(of: 1).contains("deadline_exceeded"))
    #expect(try server.onLoop { $0.handler.handled } == 0)
  }

  @Test("A client tells the time that is left when the request leaves the queue")
  func told() throws {
    let peer = try ServerHarness()
    var limits = ClientLimits()
    limits.tellsDeadline = true
    let harness = try ClientHarness(limits)
    harness.send(0, to: peer.address, target: "/fields", deadline: .seconds(7))
    harness.run()
    let text = String(decoding: try #require(harness.response(0)).body, as: UTF8.self)
    let value = try #require(text.split(separator: "\n").first { $0.hasPrefix("ss-deadline: ") })
    let digits = value.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
    #expect(digits.contains { (1_000...7_000).contains($0) })
  }
}
