import Glibc

/// The client: an input is what a server sends, and when. Bit 2 of the first byte lets the
/// client send several requests at once.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzClient(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let bench = ClientBench.shared else { violated("a listener can be made") }
  bench.play(Script(bytes(start, count)))
  return 0
}

/// A client and the socket that it connects to.
final class ClientBench {
  nonisolated(unsafe) static let shared = try? ClientBench()

  private let loop: EventLoop
  private let listener: Descriptor
  private let address: SocketAddress
  private var peers: [Int32] = []
  private var completed = 0

  init() throws {
    loop = try EventLoop(sessionMemoryLimit: 0)
    listener = try Socket.listen(on: .loopback(), backlog: 64)
    address = try Socket.localAddress(listener.rawValue)
  }

  func play(_ script: Script) {
    var script = script
    var limits = ClientLimits()
    if script.hasTightLimits {
      limits.maxBodyBytes = 1_000
      limits.maxHeaderBytes = 200
      limits.maxConnectionsPerPeer = 1
    }
    let client = HTTPClient(loop: loop, limits: limits)
    let count = script.choice & 4 != 0 ? 5 : 1
    completed = 0
    for index in 0..<count { request(client, index) }
    // Connects, and has the answer to that.
    turn()
    turn()
    if script.isFramed { send([0, 0, 0, 4, 0, 0, 0, 0, 0]) }
    var later: [RequestID] = []
    var sent = count
    while let (bytes, event) = script.next() {
      send(bytes)
      switch event {
      case .nothing: continue
      case .answer:
        later.append(request(client, sent))
        sent += 1
      case .timeout: if let id = later.popLast() { client.cancel(id) }
      case .halfClose: for peer in peers { shutdown(peer, Int32(SHUT_WR)) }
      case .drain: abandon()
      case .turn, .stall: break
      }
      turn()
      if event != .stall { drain() }
    }
    turn()
    client.shutdown()
    for _ in 0..<8 where completed < sent { turn() }
    abandon()
    turn()
    guard completed == sent, client.outstanding == 0 else {
      violated("each request completes", "\(completed) of \(sent)")
    }
  }

  @discardableResult
  private func request(_ client: HTTPClient, _ index: Int) -> RequestID {
    let method: HTTPMethod = [.get, .put, .head, .post, .delete][index % 5]
    let body = index % 5 == 1 ? [UInt8](repeating: 1, count: 70_000) : []
    var isDone = false
    return client.send(
      ClientRequest(method: method, target: "/\(index)", body: body), to: address,
      deadline: .seconds(60)
    ) { [unowned self] result in
      if isDone { violated("a request completes once") }
      isDone = true
      completed += 1
      guard case .success(let response) = result else { return }
      guard (200...999).contains(response.status), response.body.count <= 1 << 24 else {
        violated("an answer is whole", "\(response.status)")
      }
    }
  }

  private func turn() {
    loop.schedule(after: .zero) { [unowned loop] in loop.stop() }
    loop.run()
    while true {
      let accepted = Socket.accept(listener.rawValue)
      guard accepted >= 0 else { return }
      peers.append(accepted)
    }
  }

  private func send(_ bytes: [UInt8]) {
    guard !bytes.isEmpty, let peer = peers.last else { return }
    _ = bytes.withUnsafeBytes { Glibc.send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }

  private func drain() {
    withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { buffer in
      for peer in peers { while recv(peer, buffer.baseAddress, buffer.count, 0) > 0 {} }
    }
  }

  /// Resets the connections, so that no port waits for its end.
  private func abandon() {
    for peer in peers {
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
      close(peer)
    }
    peers = []
  }
}
