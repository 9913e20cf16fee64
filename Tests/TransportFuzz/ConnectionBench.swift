import Glibc

/// A connection of the server: an input is what a client sends, and when.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConnection(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let script = Script(bytes(start, count))
  guard let bench = script.hasTightLimits ? ConnectionBench.tight : ConnectionBench.usual else {
    violated("a server can be made")
  }
  bench.play(script)
  return 0
}

/// A server that serves one input after the other.
final class ConnectionBench {
  nonisolated(unsafe) static let usual = try? ConnectionBench(usualLimits)
  nonisolated(unsafe) static let tight = try? ConnectionBench(tightLimits)

  private let loop: EventLoop
  private let server: HTTPServer
  private let handler = FuzzHandler()
  private var peer: Int32 = -1
  private var output: [UInt8] = []

  private static var usualLimits: ServerLimits { ServerLimits() }

  private static var tightLimits: ServerLimits {
    var limits = ServerLimits()
    limits.maxConcurrentStreams = 3
    limits.maxPipelined = 2
    limits.maxHeaderBytes = 300
    limits.maxHeaderCount = 4
    limits.maxTargetBytes = 32
    limits.maxBodyBytes = 100
    limits.maxBufferedBytes = 200_000
    limits.maxPendingResponseBytes = 70_000
    limits.maxResets = 3
    limits.maxIdleFrames = 16
    return limits
  }

  init(_ limits: ServerLimits) throws {
    loop = try EventLoop(sessionMemoryLimit: 0)
    server = HTTPServer(loop: loop, limits: limits, handler: handler)
  }

  func play(_ script: Script) {
    var script = script
    open()
    if script.isFramed { send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)) }
    while let (bytes, event) = script.next() {
      send(bytes)
      happen(event)
    }
    turn()
    read()
    checkOutput()
    end()
  }

  private func open() {
    var pair: (Int32, Int32) = (-1, -1)
    let status = withUnsafeMutablePointer(to: &pair) { pair in
      pair.withMemoryRebound(to: Int32.self, capacity: 2) {
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, $0)
      }
    }
    guard status == 0 else { violated("sockets can be had", "\(errno)") }
    peer = pair.0
    output = []
    handler.forget()
    server.core.admit(Descriptor(owning: pair.1), from: SocketAddress(ipv4: 0x7F00_0001, port: 1))
  }

  private func send(_ bytes: [UInt8]) {
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes {
        Glibc.send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      offset += count
    }
  }

  private func happen(_ event: Script.Event) {
    switch event {
    case .nothing: return
    case .turn: break
    case .stall:
      turn()
      return
    case .answer: handler.answer(server)
    case .timeout: sweep()
    case .halfClose: shutdown(peer, Int32(SHUT_WR))
    case .drain: for slot in server.core.slots { slot.connection?.drain() }
    }
    turn()
    read()
  }

  /// One turn, which does not wait.
  private func turn() {
    loop.schedule(after: .zero) { [unowned loop] in loop.stop() }
    loop.run()
    let limit = server.limits.maxBufferedBytes + FuzzHandler.largest + 1_048_576
    guard server.bufferedBytes >= 0, server.bufferedBytes <= limit else {
      violated("the budget of bytes holds", "\(server.bufferedBytes)")
    }
  }

  private func sweep() {
    let now = loop.now + .seconds(3_600)
    for slot in server.core.slots { slot.connection?.sweep(now: now) }
  }

  private func read() {
    withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { buffer in
      while true {
        let count = recv(peer, buffer.baseAddress, buffer.count, 0)
        guard count > 0 else { return }
        // The rest of what is large tells nothing more.
        if output.count < 262_144 { output.append(contentsOf: buffer[..<count]) }
      }
    }
  }

  /// What a server sends is HTTP/1.1, HTTP/2, or the one after the other by an upgrade.
  private func checkOutput() {
    guard let first = output.first else { return }
    if first == UInt8(ascii: "H") {
      guard output.starts(with: "HTTP/1.1 ".utf8.prefix(output.count)) else {
        violated("an answer begins with its version")
      }
      return
    }
    var offset = 0
    while output.count - offset >= 9 {
      let length =
        Int(output[offset]) << 16 | Int(output[offset + 1]) << 8 | Int(output[offset + 2])
      let type = output[offset + 3]
      guard length <= 16_384, type <= 8, type != 2, type != 5 else {
        violated("the server's frames are well formed", "\(length) \(type) at \(offset)")
      }
      if offset == 0, type != 4 { violated("SETTINGS come first", "\(type)") }
      offset += 9 + length
    }
  }

  /// Nothing is left of a connection whose peer is gone, whatever the server does meanwhile.
  private func end() {
    close(peer)
    peer = -1
    turn()
    for _ in 0..<8 where server.connectionCount > 0 {
      handler.answer(server)
      sweep()
      turn()
    }
    guard server.connectionCount == 0 else { violated("a connection ends with its peer") }
    guard server.bufferedBytes == 0 else {
      violated("what a connection held is freed", "\(server.bufferedBytes)")
    }
    guard handler.tokens.allSatisfy({ server.exchange($0) == nil }) else {
      violated("the exchanges of a connection that ended are stale")
    }
  }
}

/// Answers by the first letter of the path.
final class FuzzHandler: RequestHandler {
  private(set) var tokens: [ExchangeToken] = []
  static let largest = 400_000

  func handle(_ exchange: Exchange) -> Disposition {
    var sum = 0
    exchange.forEachHeader { name, value in
      for byte in name { sum &+= Int(byte) }
      for byte in value { sum &+= Int(byte) }
    }
    exchange.setHeader("x-sum", String(sum))
    let path = exchange.path
    guard let first = path.first, first == 0x2F || first == 0x2A else {
      violated("a target begins with a slash", "\(path)")
    }
    switch path.dropFirst().first {
    case UInt8(ascii: "e"): exchange.setBody(exchange.body)
    case UInt8(ascii: "b"):
      exchange.setBody([UInt8](repeating: 7, count: FuzzHandler.largest))
    case UInt8(ascii: "m"): exchange.setBody([UInt8](repeating: 8, count: 30_000))
    case UInt8(ascii: "l"):
      tokens.append(exchange.token)
      return .later
    case UInt8(ascii: "n"): exchange.status = 204
    case UInt8(ascii: "h"):
      exchange.setHeader("x-query", exchange.query + [])
      exchange.setHeader(name: String(decoding: path.prefix(40), as: UTF8.self), "\r\n\0")
    default:
      exchange.setProblem(status: 404, title: "Not Found", code: "unknown", detail: "Use /e.")
    }
    return .done
  }

  func answer(_ server: HTTPServer) {
    for (index, token) in tokens.enumerated() {
      guard let exchange = server.exchange(token) else { continue }
      exchange.setBody([UInt8](repeating: 9, count: index & 1 == 0 ? 5 : 100_000))
      exchange.finish()
    }
  }

  func forget() { tokens.removeAll(keepingCapacity: true) }
}
