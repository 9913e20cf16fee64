import Foundation
import Glibc
import Synchronization
import Testing

@testable import HTTPTransport

/// A peer on a port of its own that follows a script: each accepted connection gets a thread that
/// speaks raw frames over a blocking socket.
final class ScriptedPeer: Sendable {
  let address: SocketAddress
  private let listener: Int32
  private let count = Mutex(0)

  /// Connections accepted so far.
  var accepted: Int { count.withLock { $0 } }

  init(_ script: @escaping @Sendable (Wire, _ index: Int) -> Void) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let wanted = SocketAddress.loopback()
    try #require(wanted.withSystemAddress { bind(descriptor, $0, $1) } == 0)
    try #require(listen(descriptor, 64) == 0)
    address = try Socket.localAddress(descriptor)
    listener = descriptor
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { break }
        guard let index = self?.countOne() else {
          close(connection)
          break
        }
        Thread.detachNewThread {
          let wire = Wire(connection)
          script(wire, index)
          wire.close()
        }
      }
      close(descriptor)
    }
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  private func countOne() -> Int {
    count.withLock {
      $0 += 1
      return $0 - 1
    }
  }
}

struct Frame {
  var type: UInt8
  var flags: UInt8 = 0
  var stream: Int32 = 0
  var payload: [UInt8] = []

  static let data: UInt8 = 0
  static let headers: UInt8 = 1
  static let reset: UInt8 = 3
  static let settings: UInt8 = 4
  static let ping: UInt8 = 6
  static let goAway: UInt8 = 7
  static let windowUpdate: UInt8 = 8
  static let endStream: UInt8 = 1
  static let endHeaders: UInt8 = 4

  var isEndStream: Bool { flags & Frame.endStream != 0 }

  var bytes: [UInt8] {
    let length = UInt32(payload.count)
    return [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags]
      + big(UInt32(bitPattern: stream)) + payload
  }
}

func big(_ value: UInt32) -> [UInt8] {
  [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
}

/// A header field without compression (RFC 7541 section 6.2.2).
func field(_ name: String, _ value: String) -> [UInt8] {
  func string(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
    var rest = bytes.count - 127
    var length: [UInt8] = [127]
    while rest >= 128 {
      length.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    return length + [UInt8(rest)] + bytes
  }
  return [0] + string(name) + string(value)
}

/// Index 8 of HPACK's static table: ":status: 200".
let ok: [UInt8] = [0x88]

/// The peer's end of a connection.
final class Wire {
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var isOpen = true

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    // No script waits for ever for a client that went wrong.
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  }

  func close() {
    if isOpen { _ = Glibc.close(descriptor) }
    isOpen = false
  }

  /// Ends with a TCP reset.
  func abort() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(
          descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  func send(_ frames: Frame...) { send(frames.flatMap(\.bytes)) }

  /// Reads the preface and greets with SETTINGS.
  func greet(maxStreams: UInt32? = nil) {
    _ = read(24)
    let setting = maxStreams.map { [0, 3] + big($0) } ?? []
    send(Frame(type: Frame.settings, payload: setting))
  }

  private func read(_ count: Int) -> [UInt8]? {
    while buffer.count < count {
      var chunk = [UInt8](repeating: 0, count: 65_536)
      let got = recv(descriptor, &chunk, chunk.count, 0)
      guard got > 0 else { return nil }
      buffer += chunk[..<got]
    }
    defer { buffer.removeFirst(count) }
    return Array(buffer[..<count])
  }

  /// The next frame, nil at the end. SETTINGS are acknowledged on the way.
  func receive() -> Frame? {
    guard let head = read(9) else { return nil }
    let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
    guard let payload = read(length) else { return nil }
    let stream = head[5...].reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
    let frame = Frame(
      type: head[3], flags: head[4], stream: Int32(bitPattern: stream), payload: payload)
    if frame.type == Frame.settings, frame.flags & 1 == 0 {
      send(Frame(type: Frame.settings, flags: 1))
    }
    return frame
  }

  /// The next frame of a type, skipping others.
  func receive(_ type: UInt8) -> Frame? {
    while let frame = receive() {
      if frame.type == type { return frame }
    }
    return nil
  }

  /// The stream of the next request, its body skipped.
  func request() -> Int32? {
    while let frame = receive() {
      if frame.type <= Frame.headers, frame.isEndStream { return frame.stream }
    }
    return nil
  }

  func respond(_ stream: Int32, fields: [UInt8] = ok, body: [UInt8] = []) {
    let end = body.isEmpty ? Frame.endStream : 0
    send(
      Frame(
        type: Frame.headers, flags: Frame.endHeaders | end, stream: stream, payload: fields))
    if !body.isEmpty {
      send(Frame(type: Frame.data, flags: Frame.endStream, stream: stream, payload: body))
    }
  }

  /// Answers every request until the client closes.
  func serve() {
    while let stream = request() { respond(stream) }
  }
}

/// A loop with a client, run by the test until all requests completed.
final class ClientHarness {
  let loop: EventLoop
  private(set) var client: HTTPClient?
  private(set) var results: [Int: Result<ClientResponse, TransportError>] = [:]
  /// Numbers of the requests in the order of their completion, repetitions included.
  private(set) var order: [Int] = []
  private var expected = 0
  private var isSending = false

  init(_ limits: ClientLimits = .init(), tls: TLSFiles? = nil, peerName: String? = nil) throws {
    loop = try EventLoop()
    client = HTTPClient(
      loop: loop, limits: limits, tls: try tls.map { try TLSContext($0, peerName: peerName) })
  }

  func dropClient() { client = nil }

  @discardableResult
  func send(
    _ number: Int, to address: SocketAddress, body: [UInt8] = [], target: String = "/",
    deadline: Duration = .seconds(20), then: (() -> Void)? = nil
  ) -> RequestID? {
    expected += 1
    isSending = true
    defer { isSending = false }
    return client?.send(
      ClientRequest(method: body.isEmpty ? .get : .post, target: target, body: body),
      to: address, deadline: deadline
    ) { [unowned self] result in
      #expect(!isSending, "completed inside send")
      #expect(loop.isCurrent)
      #expect(results[number] == nil, "completed twice")
      results[number] = result
      order.append(number)
      then?()
      if results.count == expected { loop.stop() }
    }
  }

  /// Runs until everything sent completed.
  func run(sourceLocation: SourceLocation = #_sourceLocation) {
    guard results.count < expected else { return }
    run(until: { false }, sourceLocation: sourceLocation)
    #expect(results.count == expected, sourceLocation: sourceLocation)
  }

  /// Runs until everything sent completed or a condition, looked at each millisecond, holds.
  func run(until condition: @escaping () -> Bool, sourceLocation: SourceLocation = #_sourceLocation)
  {
    var next: TimerID?
    let limit = loop.schedule(after: .seconds(30)) { [loop] in
      Issue.record("still waiting after 30 seconds", sourceLocation: sourceLocation)
      loop.stop()
    }
    func look() {
      if condition() {
        loop.stop()
      } else {
        next = loop.schedule(after: .milliseconds(1), look)
      }
    }
    next = loop.schedule(after: .zero, look)
    loop.run()
    if let next { loop.cancel(next) }
    loop.cancel(limit)
  }

  func response(_ number: Int) -> ClientResponse? { try? results[number]?.get() }

  func error(_ number: Int) -> TransportError? {
    guard case .failure(let error) = results[number] else { return nil }
    return error
  }
}

/// A count that threads share.
final class Tally: Sendable {
  private let state = Mutex(0)
  var value: Int { state.withLock { $0 } }
  func add(_ amount: Int = 1) { state.withLock { $0 += amount } }
  func raise(to value: Int) { state.withLock { $0 = max($0, value) } }
}
