import Glibc
import Testing

@testable import HTTPTransport

@Suite("Requests over a unix socket", .timeLimit(.minutes(1)))
struct LocalHTTPClientTests {
  /// Answers one connection with fixed bytes, once the request's end has come, on a thread.
  private final class Peer: Sendable {
    let path: String
    private let listener: Int32

    init(answering answer: String, closes: Bool = true, accepts: Bool = true) throws {
      path = "/tmp/scaled-storage-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
      listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let name = path
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
      let status = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      try #require(status == 0 && listen(listener, accepts ? 4 : 0) == 0)
      guard accepts else { return }
      let own = listener
      try #require(
        DetachedThread.start {
          let peer = accept(own, nil, nil)
          guard peer >= 0 else { return }
          var buffer = [UInt8](repeating: 0, count: 65_536)
          _ = recv(peer, &buffer, buffer.count, 0)
          let bytes = Array(answer.utf8)
          _ = Glibc.send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL))
          // Else it stays open until the client goes.
          if !closes { _ = recv(peer, &buffer, buffer.count, 0) }
          close(peer)
        })
    }

    deinit {
      shutdown(listener, Int32(SHUT_RDWR))
      close(listener)
      unlink(path)
    }
  }

  private func ask(
    _ peer: Peer, limit: Duration = .seconds(20)
  ) throws -> Result<ClientResponse, TransportError> {
    // Its end closes the socket.
    try withExtendedLifetime(peer) { try ask(peer.path, limit: limit) }
  }

  private func ask(
    _ path: String, limit: Duration = .seconds(20)
  ) throws -> Result<ClientResponse, TransportError> {
    let loop = try EventLoop()
    let client = LocalHTTPClient(path: path, loop: loop)
    var result: Result<ClientResponse, TransportError>?
    client.send(.get, "/thing", deadline: limit) {
      result = $0
      loop.stop()
    }
    #expect(result == nil)
    loop.run()
    return try #require(result)
  }

  @Test(
    "A body is read however it is framed",
    arguments: [
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\nhello",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ])
  func framings(answer: String) throws {
    let response = try ask(Peer(answering: answer)).get()
    #expect(response.status == 200)
    #expect(response.body == Array("hello".utf8))
  }

  @Test("An answer without a body ends with its fields, also on a connection that stays open")
  func noBody() throws {
    let peer = try Peer(answering: "HTTP/1.1 204 No Content\r\n\r\n", closes: false)
    #expect(try ask(peer).get().status == 204)
  }

  @Test(
    "What is no whole answer is an error",
    arguments: [
      ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", .connectionClosed),
      ("", .connectionClosed), ("SSH-2.0-OpenSSH\r\n", .protocolViolation),
      ("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", .connectionClosed),
    ] as [(String, TransportError.Code)])
  func broken(answer: String, code: TransportError.Code) throws {
    let peer = try Peer(answering: answer)
    guard case .failure(let error) = try ask(peer) else {
      Issue.record("it was taken")
      return
    }
    #expect(error.code == code)
  }

  @Test("A body beyond the bound is refused")
  func tooLarge() throws {
    let parser = HTTP1ResponseParser(mostBytes: 4)
    let error = #expect(throws: TransportError.self) {
      try parser.take(Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".utf8)[...])
    }
    #expect(error?.code == .tooLarge)
  }

  @Test("A peer that says nothing is given up at the deadline")
  func silence() throws {
    let peer = try Peer(answering: "", closes: false)
    guard case .failure(let error) = try ask(peer, limit: .milliseconds(50)) else {
      Issue.record("it answered")
      return
    }
    #expect(error.code == .timedOut)
  }

  @Test("Where nobody listens, the error says so; a path that is too long as well")
  func nobody() throws {
    for (path, code) in [
      ("/tmp/scaled-storage-nobody", TransportError.Code.connectFailed),
      (String(repeating: "x", count: 200), .invalidAddress),
    ] {
      guard case .failure(let error) = try ask(path) else {
        Issue.record("\(path) answered")
        continue
      }
      #expect(error.code == code)
    }
  }

  @Test("More requests than threads are all answered")
  func many() throws {
    let loop = try EventLoop()
    let client = LocalHTTPClient(path: "/tmp/scaled-storage-nobody", loop: loop)
    var answers = 0
    for _ in 0..<40 {
      client.send(.get, "/", deadline: .seconds(20)) { _ in
        answers += 1
        if answers == 40 { loop.stop() }
      }
    }
    loop.run()
    #expect(answers == 40)
  }
  @Test("A peer that takes no connections is late as well")
  func noConnections() throws {
    let peer = try Peer(answering: "", accepts: false)
    // The first one waits for its answer, the next one to be connected.
    for _ in 0..<3 {
      guard case .failure(let error) = try ask(peer, limit: .milliseconds(50)) else {
        Issue.record("it was answered")
        return
      }
      #expect(error.code == .timedOut)
    }
  }
}
