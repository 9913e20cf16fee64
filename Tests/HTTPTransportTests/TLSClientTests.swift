import Foundation
import Testing

@testable import HTTPTransport

/// The client over TLS.
@Suite(.timeLimit(.minutes(1)))
struct TLSClientTests {
  @Test("requests and bodies travel both ways")
  func exchange() throws {
    let authority = try TestAuthority.shared.get()
    let server = try ServerHarness(tls: authority.files)
    let client = try ClientHarness(tls: authority.trust)
    let body = TestHandler.pattern(1_500_000)
    client.send(0, to: server.address, target: "/hello")
    client.send(1, to: server.address, body: body, target: "/echo")
    client.send(2, to: server.address, target: "/large?5000000")
    client.send(3, to: server.address, target: "/security")
    client.run()
    #expect(client.response(0)?.body == Array("hello".utf8))
    #expect(client.response(1)?.body == body)
    #expect(client.response(2)?.body == TestHandler.pattern(5_000_000))
    #expect(client.response(3)?.body == Array("true false true".utf8))
    client.client?.shutdown()
    try server.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test("thousands of requests share connections")
  func many() throws {
    let authority = try TestAuthority.shared.get()
    let server = try ServerHarness(tls: authority.files)
    let client = try ClientHarness(tls: authority.trust)
    for number in 0..<3_000 {
      client.send(
        number, to: server.address, body: [UInt8](repeating: 7, count: number), target: "/echo")
    }
    client.run()
    for number in 0..<3_000 { #expect(client.response(number)?.body.count == number) }
  }

  @Test("a certificate is shown to a server that demands one")
  func clientCertificate() throws {
    let authority = try TestAuthority.shared.get()
    let server = try ServerHarness(tls: authority.files, demandsClientCertificate: true)
    let client = try ClientHarness(tls: authority.files)
    client.send(0, to: server.address, target: "/security")
    client.run()
    #expect(client.response(0)?.body == Array("true true false".utf8))
  }

  private func failure(
    at server: ServerHarness, with files: TLSFiles, name: String? = nil
  ) throws -> TransportError? {
    let client = try ClientHarness(tls: files)
    if let name { client.client?.expect(name: name, at: server.address) }
    client.send(0, to: server.address, target: "/hello")
    client.run()
    let error = client.error(0)
    #expect(error?.code == .tls)
    #expect(error?.isRetryable == false)
    return error
  }

  @Test("without a certificate that is demanded, the client is told why it fails")
  func missingCertificate() throws {
    let authority = try TestAuthority.shared.get()
    let server = try ServerHarness(tls: authority.files, demandsClientCertificate: true)
    let error = try failure(at: server, with: authority.trust)
    #expect(error?.message.contains("alert certificate required") == true, "\(error as Any)")
  }

  @Test("a certificate of a stranger is refused by the server, and the client told why")
  func strangersCertificate() throws {
    let authority = try TestAuthority.shared.get()
    let server = try ServerHarness(tls: authority.files)
    let other = try TestAuthority.stranger.get()
    var files = other.files
    files.authorities = authority.files.authorities
    let error = try failure(at: server, with: files)
    #expect(error?.message.contains("alert unknown ca") == true, "\(error as Any)")
  }

  @Test("a server of another authority is refused, the system's authorities included")
  func unknownAuthority() throws {
    let server = try ServerHarness(tls: try TestAuthority.files())
    let other = try TestAuthority.stranger.get()
    for files in [other.trust, TLSFiles()] {
      let error = try failure(at: server, with: files)
      #expect(error?.message.contains("the certificate is refused: ") == true, "\(error as Any)")
    }
  }

  @Test(
    "a certificate for other names is refused",
    arguments: ["example.org", "127.0.0.2", "::2", "a..b"])
  func otherName(name: String) throws {
    let authority = try TestAuthority.shared.get()
    let server = try ServerHarness(tls: authority.files)
    let error = try failure(at: server, with: authority.trust, name: name)
    #expect(error?.message.contains("mismatch") == true || name == "a..b", "\(error as Any)")
  }

  @Test("a certificate for a name is taken, with its server name told", arguments: ["", "*."])
  func hostName(wildcard: String) throws {
    let authority = try TestAuthority(["\(wildcard)example.org", "10.1.2.3"])
    let server = try ServerHarness(tls: authority.files)
    let client = try ClientHarness(tls: authority.trust)
    client.client?.expect(
      name: wildcard.isEmpty ? "example.org" : "node.example.org", at: server.address)
    client.send(0, to: server.address, target: "/hello")
    client.run()
    #expect(client.response(0)?.status == 200)
  }

  @Test("a name that is expected of all servers counts, whatever is called")
  func peerName() throws {
    let authority = try TestAuthority(["cluster.example"])
    let server = try ServerHarness(tls: authority.files)
    let client = try ClientHarness(tls: authority.trust, peerName: "cluster.example")
    // An address that no certificate has: one of a pod, say.
    client.client?.expect(name: "10.1.2.3", at: server.address)
    client.send(0, to: server.address, target: "/hello")
    client.run()
    #expect(client.response(0)?.status == 200)

    let other = try ClientHarness(tls: authority.trust, peerName: "other.example")
    other.send(0, to: server.address, target: "/hello")
    other.run()
    let message = try #require(other.error(0)).message
    #expect(message.contains("as other.example: the certificate is refused"), "\(message)")
  }

  @Test("whether a program's own certificate has the name is told")
  func ownPeerName() throws {
    let authority = try TestAuthority(["cluster.example"])
    for (name, lacks) in [(nil, false), ("cluster.example", false), ("other.example", true)] {
      #expect(try TLSContext(authority.files, peerName: name).lacksPeerName == lacks)
      #expect(try !TLSContext(authority.trust, peerName: name).lacksPeerName)
    }
  }

  @Test("a renewed certificate without the name that all ask for is not taken; one with it is")
  func renewedWithoutPeerName() throws {
    let authority = try TestAuthority(["cluster.example"])
    let context = try TLSContext(authority.files, peerName: "cluster.example")
    try authority.issue(["other.example"])
    let error = #expect(throws: TransportError.self) { try context.reload() }
    #expect(error?.message.contains("is not for cluster.example") == true)
    #expect(!context.lacksPeerName)
    try authority.issue(["other.example", "cluster.example"])
    try context.reload()
    #expect(context.problem(at: "other.example") == nil)
  }

  @Test("names that would stand for none or for many are refused", arguments: ["", ".example"])
  func loosePeerNames(name: String) throws {
    let authority = try TestAuthority(["cluster.example"])
    #expect(throws: TransportError.self) { try TLSContext(authority.trust, peerName: name) }
  }

  @Test("why others would refuse the program's own certificate is told")
  func ownCertificate() throws {
    let authority = try TestAuthority(["cluster.example"])
    let context = try TLSContext(authority.files)
    for host in [nil, "127.0.0.1", "::1", "localhost", "cluster.example"] {
      #expect(context.problem(at: host) == nil, "\(host ?? "nowhere")")
    }
    #expect(context.problem(at: "10.1.2.3")?.hasPrefix("is not for 10.1.2.3") == true)
    #expect(try TLSContext(authority.trust).problem(at: "10.1.2.3") == nil)
    var files = authority.files
    files.authorities = try TestAuthority.stranger.get().files.authorities
    let foreign = try #require(try TLSContext(files).problem(at: nil))
    #expect(foreign.contains("unable to get local issuer certificate"), "\(foreign)")
    try authority.expire()
    let expired = try #require(try TLSContext(authority.files).problem(at: nil))
    #expect(expired.contains("certificate has expired"), "\(expired)")
  }

  @Test("a certificate that has expired is refused")
  func expired() throws {
    let authority = try TestAuthority()
    try authority.expire()
    let server = try ServerHarness(tls: authority.files)
    let error = try failure(at: server, with: authority.trust)
    #expect(error?.message.contains("certificate has expired") == true, "\(error as Any)")
  }

  @Test("a server that speaks plain HTTP is told apart")
  func plainServer() throws {
    let server = try ServerHarness()
    let error = try failure(at: server, with: try TestAuthority.shared.get().trust)
    #expect(error?.message.contains("plain HTTP") == true, "\(error as Any)")
  }

  @Test("a client in plain text learns that the port speaks TLS")
  func plainClient() throws {
    let server = try ServerHarness(tls: try TestAuthority.files())
    let client = try ClientHarness()
    client.send(0, to: server.address, target: "/hello")
    client.run()
    #expect(client.error(0)?.code == .protocolViolation)
    #expect(client.error(0)?.message.contains("https") == true, "\(client.error(0) as Any)")
  }

  @Test("a server without HTTP/2 is refused: ALPN must have chosen it")
  func withoutHTTP2() throws {
    let authority = try TestAuthority.shared.get()
    let log = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: log) }
    let process = try ProcessWatcher.spawn(
      executable: "/usr/bin/openssl",
      arguments: [
        "s_server", "-accept", "127.0.0.1:0", "-alpn", "http/1.1", "-www", "-cert",
        authority.path("server.crt"), "-key", authority.path("server.key"),
      ], environment: [], standardOutput: .file(log.path), standardError: .file(log.path))
    defer {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
    var address: SocketAddress?
    while address == nil, waitpid(process, nil, WNOHANG) == 0 {
      let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      guard let mark = text.range(of: "ACCEPT "), text.hasSuffix("\n") else { continue }
      address = try SocketAddress(String(text[mark.upperBound...].prefix { $0 != "\n" }))
    }
    let client = try ClientHarness(tls: authority.trust)
    client.send(0, to: try #require(address), target: "/hello")
    client.run()
    #expect(client.error(0)?.code == .tls)
    #expect(
      client.error(0)?.message.contains("does not speak HTTP/2") == true
        || client.error(0)?.message.contains("no application protocol") == true,
      "\(client.error(0) as Any)")
  }

  @Test(
    "a server that answers nonsense is refused",
    arguments: [
      [UInt8](repeating: 0, count: 100), [UInt8](repeating: 0xFF, count: 70_000),
      [21, 3, 3, 0, 2, 2, 40], [22, 3, 3, 0, 4, 14, 0, 0, 0], [23, 3, 3, 0, 5, 1, 2, 3, 4, 5],
      Array("SSH-2.0-server\r\n".utf8),
    ] as [[UInt8]])
  func nonsense(bytes: [UInt8]) throws {
    let server = try ScriptedPeer { wire, _ in
      wire.send(bytes)
      _ = wire.receive()
    }
    let client = try ClientHarness(tls: try TestAuthority.shared.get().trust)
    client.send(0, to: server.address, deadline: .seconds(5))
    client.run()
    #expect(client.error(0)?.code == .tls, "\(client.error(0) as Any)")
  }

  @Test("a server that ends amid the handshake counts as one that cannot be reached")
  func endAmidHandshake() throws {
    let server = try ScriptedPeer { wire, _ in wire.abort() }
    let client = try ClientHarness(tls: try TestAuthority.shared.get().trust)
    client.send(0, to: server.address, deadline: .seconds(2))
    client.run()
    #expect(client.error(0)?.isRetryable == true, "\(client.error(0) as Any)")
  }

  @Test("a server that never answers the handshake is given up at the connect timeout")
  func muteServer() throws {
    var limits = ClientLimits()
    limits.connectTimeout = .milliseconds(100)
    let server = try ScriptedPeer { wire, _ in _ = wire.receive() }
    let client = try ClientHarness(limits, tls: try TestAuthority.shared.get().trust)
    client.send(0, to: server.address, deadline: .seconds(10))
    client.run()
    #expect(client.error(0)?.code == .connectFailed, "\(client.error(0) as Any)")
  }
}
