import Foundation
import Testing

@testable import HTTPTransport

/// An authority and a certificate of its, in a directory of its own.
final class TestAuthority: Sendable {
  let directory: String

  /// One for all tests that need nothing special.
  static let shared = Result { try TestAuthority() }

  /// Another one, which nobody trusts.
  static let stranger = Result { try TestAuthority() }

  /// What a server and a client of the shared authority have.
  static func files() throws -> TLSFiles { try shared.get().files }

  init(_ names: [String] = []) throws {
    directory =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("scaled-storage-tls-\(UUID().uuidString)").path
    try issue(names)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// Makes a new certificate of the same authority.
  func issue(_ names: [String] = []) throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("deploy/dev-ca")
    let made = try Tool.run(script.path, [directory] + names)
    guard made.status == 0 else { throw HarnessError.malformed(made.output) }
  }

  /// Replaces the certificate by one that has expired.
  func expire() throws {
    try openssl(["req", "-new", "-key", path("server.key"), "-subj", "/CN=x", "-out", path("csr")])
    try "subjectAltName = IP:127.0.0.1\n".write(
      toFile: path("conf"), atomically: true, encoding: .utf8)
    try openssl([
      "x509", "-req", "-in", path("csr"), "-days", "-1", "-CA", path("ca.crt"), "-CAkey",
      path("ca.key"), "-set_serial", "5", "-extfile", path("conf"), "-out", path("server.crt"),
    ])
  }

  private func openssl(_ arguments: [String]) throws {
    let run = try Tool.run("/usr/bin/openssl", arguments)
    guard run.status == 0 else { throw HarnessError.malformed(run.output) }
  }

  func path(_ name: String) -> String { directory + "/" + name }

  var files: TLSFiles {
    TLSFiles(
      certificate: path("server.crt"), key: path("server.key"), authorities: path("ca.crt"))
  }

  /// For clients that show no certificate.
  var trust: TLSFiles { TLSFiles(authorities: path("ca.crt")) }
}

/// Programs of the machine.
enum Tool {
  /// Runs a program to its end; `output` is what it wrote, errors included.
  static func run(
    _ path: String, _ arguments: [String]
  ) throws -> (status: Int32, output: String) {
    let output = Pipe()
    let descriptor = output.fileHandleForWriting.fileDescriptor
    let process = try ProcessWatcher.spawn(
      executable: path, arguments: arguments, environment: ["PATH=/usr/bin:/bin"],
      standardOutput: .descriptor(descriptor), standardError: .descriptor(descriptor))
    try output.fileHandleForWriting.close()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    var status: Int32 = -1
    waitpid(process, &status, 0)
    return (
      status & 0x7F == 0 ? status >> 8 & 0xFF : 128, String(decoding: bytes, as: UTF8.self)
    )
  }

  static func curl(_ arguments: String...) throws -> (status: Int32, output: String) {
    let common = ["-sS", "--max-time", "20", "--noproxy", "*"]
    return try run(
      "/usr/bin/curl",
      common + ["--cacert", try TestAuthority.shared.get().path("ca.crt")] + arguments)
  }

  /// `openssl s_client`, which is given `input` and then the end of its input.
  static func client(
    _ address: SocketAddress, _ options: String, input: String = ""
  ) throws -> (status: Int32, output: String) {
    let authority = try TestAuthority.shared.get().path("ca.crt")
    return try run(
      "/bin/sh",
      [
        "-c",
        "printf '\(input)' | timeout 20 openssl s_client -connect \(address) "
          + "-CAfile '\(authority)' \(options)",
      ])
  }
}

/// A client's end of a TLS connection that does what a test says, over a blocking socket.
final class SecurePeer {
  enum Ending: Error { case closed, failed(String) }

  let raw: RawPeer
  let session: TLSSession
  private(set) var received: [UInt8] = []
  /// Whether the server said that nothing follows.
  private(set) var isFinished = false

  /// Connects; the handshake is for ``shakeHands(chunk:)``.
  init(
    _ address: SocketAddress, _ files: TLSFiles? = nil, offering protocols: StaticString? = nil,
    receiveBuffer: Int32? = nil
  ) throws {
    let context = try TLSContext(try files ?? TestAuthority.shared.get().trust)
    if let protocols { ApplicationProtocol.offer(protocols, in: context.connector.pointer) }
    raw = try RawPeer(address, receiveBuffer: receiveBuffer)
    session = try TLSSession(connecting: context, to: "127.0.0.1", scratch: TLSScratch())
  }

  /// A peer that has shaken hands and speaks HTTP/1.1.
  static func http1(
    _ address: SocketAddress, _ files: TLSFiles? = nil
  ) throws -> SecurePeer {
    let peer = try SecurePeer(address, files, offering: "\u{8}http/1.1")
    try peer.shakeHands()
    return peer
  }

  /// The first bytes that a client sends.
  func hello() -> [UInt8] {
    _ = session.handshake()
    return Array(session.output)
  }

  /// Shakes hands, sending pieces of up to `chunk` bytes.
  func shakeHands(chunk: Int = .max) throws {
    var input: [UInt8] = []
    while true {
      let step = input.withUnsafeBytes { bytes in
        session.offer(bytes)
        defer { session.offer(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return take(session.handshake(), readsOn: bytes)
      }
      try transmit(Array(session.output), chunk: chunk)
      switch step {
      case .bytes: return
      case .failed(let reason): throw Ending.failed(reason)
      case .ended: throw Ending.closed
      case .wantsInput: break
      }
      input = try receiveRaw()
    }
  }

  /// What came together with the end of the handshake is read as well.
  private func take(_ step: TLSSession.Step, readsOn bytes: UnsafeRawBufferPointer)
    -> TLSSession.Step
  {
    guard case .bytes = step else { return step }
    let output = Array(session.output)
    reading: while true {
      switch session.read() {
      case .bytes(let plain): received += plain
      case .wantsInput, .ended, .failed: break reading
      }
    }
    output.withUnsafeBytes { session.put($0) }
    return step
  }

  func transmit(_ bytes: [UInt8], chunk: Int = .max) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      try raw.send(Array(rest.prefix(chunk)))
      rest = rest.dropFirst(chunk)
    }
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    guard let sealed = bytes.withUnsafeBytes({ session.seal($0) }) else { throw Ending.closed }
    try transmit(Array(sealed))
  }

  /// Says that nothing follows.
  func finishSending() throws { try transmit(Array(session.farewell())) }

  private func receiveRaw() throws -> [UInt8] {
    guard try raw.receiveSome() else { throw Ending.closed }
    return try raw.take(raw.received.count)
  }

  /// Reads once; false when the server has said that nothing follows.
  func receiveSome() throws -> Bool {
    let input = try receiveRaw()
    return try input.withUnsafeBytes { bytes in
      session.offer(bytes)
      defer { session.offer(UnsafeRawBufferPointer(start: nil, count: 0)) }
      while true {
        let step = session.read()
        let output = Array(session.output)
        switch step {
        case .bytes(let plain): received += plain
        case .wantsInput:
          try transmit(output)
          return true
        case .ended:
          isFinished = true
          return false
        case .failed(let reason): throw Ending.failed(reason)
        }
      }
    }
  }

  /// All that comes until the server says that nothing follows.
  func receiveToEnd() throws -> String {
    while try receiveSome() {}
    return String(decoding: received, as: UTF8.self)
  }

  func receive(until mark: String) throws -> String {
    while !received.ends(with: Array(mark.utf8)) {
      guard try receiveSome() else { throw Ending.closed }
    }
    defer { received = [] }
    return String(decoding: received, as: UTF8.self)
  }
}

extension [UInt8] {
  fileprivate func ends(with other: [UInt8]) -> Bool { suffix(other.count) == other[...] }
}
