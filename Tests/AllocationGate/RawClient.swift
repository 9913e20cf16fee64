import Glibc

/// One request of a round.
struct PlainRequest {
  var method: String
  var path: String
  var contentType: String?
  var body: [UInt8]?
}

/// An HTTP/2 connection that sends whole rounds of requests, and counts their answers.
final class RawClient {
  private let descriptor: Int32
  private let streams: Int
  private var nextStream: UInt32 = 1
  private var input: [UInt8] = []
  private(set) var answered = 0
  private(set) var failed = 0

  init?(port: UInt16, streams: Int) {
    self.streams = streams
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let status = withUnsafeBytes(of: &address) {
      connect(
        descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        socklen_t($0.count))
    }
    guard status == 0 else { return nil }
    let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    send(preface + frame(type: 4, flags: 0, stream: 0, []))
  }

  deinit { close(descriptor) }

  /// Creates the keys.
  func create(body: [UInt8]) {
    request { PlainRequest(method: "PUT", path: "/kv/key-\($0)", body: body) }
    // These were answered 201.
    failed = 0
  }

  /// Sends one request a stream, each for a key of its own, and reads until all are answered.
  func request(_ make: (_ number: Int) -> PlainRequest) {
    var bytes: [UInt8] = []
    for number in 0..<streams {
      let request = make(number)
      // HPACK without dynamic entries: scheme http; method, path and authority as literals.
      var block: [UInt8] = [0x86, 0x02, UInt8(request.method.utf8.count)]
      block += Array(request.method.utf8)
      block += [0x04, UInt8(request.path.utf8.count)] + Array(request.path.utf8)
      block += [0x01, 4] + Array("node".utf8)
      if let type = request.contentType {
        // The static table's entry 31, beyond four bits.
        block += [0x0f, 31 - 15, UInt8(type.utf8.count)] + Array(type.utf8)
      }
      bytes += frame(type: 1, flags: request.body == nil ? 5 : 4, stream: nextStream, block)
      if let body = request.body { bytes += frame(type: 0, flags: 1, stream: nextStream, body) }
      nextStream += 2
    }
    let target = answered + streams
    // Both windows of the connection are wider than what a round needs; the server's is for bodies.
    bytes += frame(type: 8, flags: 0, stream: 0, [0, 1, 0, 0])
    send(bytes)
    while answered < target, receive() {}
  }

  private func frame(type: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
    let count = payload.count
    let head = [UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags]
    return head + (0..<4).map { UInt8(stream >> (24 - 8 * UInt32($0)) & 255) } + payload
  }

  private func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      sent += count
    }
  }

  private func receive() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return false }
    input += buffer[..<count]
    var start = 0
    while input.count - start >= 9 {
      let length = Int(input[start]) << 16 | Int(input[start + 1]) << 8 | Int(input[start + 2])
      guard input.count - start >= 9 + length else { break }
      note(type: input[start + 3], flags: input[start + 4], first: input[start + 9])
      start += 9 + length
    }
    input.removeFirst(start)
    return true
  }

  /// An answer's header section begins with its status: 0x88 is 200.
  private func note(type: UInt8, flags: UInt8, first: UInt8) {
    switch type {
    case 0: if flags & 1 != 0 { answered += 1 }
    case 1:
      if first != 0x88 { failed += 1 }
      if flags & 1 != 0 { answered += 1 }
    case 3, 7: failed += 1
    default: break
    }
  }
}
