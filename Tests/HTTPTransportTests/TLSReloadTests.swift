import Foundation
import Testing

@testable import HTTPTransport

/// Certificates that change while they are in use.
@Suite(.timeLimit(.minutes(1)))
struct TLSReloadTests {
  @Test("new connections get the new certificate, open ones live on")
  func reload() throws {
    let authority = try TestAuthority()
    let loop = try EventLoop()
    let context = try TLSContext(authority.files)
    let server = HTTPServer(loop: loop, tls: context, handler: TestHandler())
    let address = try server.listen(on: .loopback())
    let old = HTTPClient(loop: loop, tls: try TLSContext(authority.trust))
    func get(_ client: HTTPClient) throws -> Int {
      try client.sendAndWait(
        ClientRequest(method: .get, target: "/hello"), to: address, deadline: .seconds(10)
      ).status
    }
    #expect(try get(old) == 200)

    // Another authority in the place of the first.
    let other = try TestAuthority()
    for name in ["ca.crt", "ca.key", "server.crt", "server.key"] {
      try FileManager.default.removeItem(atPath: authority.path(name))
      try FileManager.default.copyItem(atPath: other.path(name), toPath: authority.path(name))
    }
    var reports = 0
    context.reloadOnChange(on: loop, every: .milliseconds(5)) { [loop] result in
      reports += 1
      if case .failure(let error) = result { Issue.record(error) }
      loop.stop()
    }
    loop.run()
    #expect(reports == 1)
    #expect(try get(old) == 200, "the open connection goes on")
    let new = HTTPClient(loop: loop, tls: try TLSContext(other.trust))
    #expect(try get(new) == 200)
    old.shutdown()
    let distrusting = HTTPClient(
      loop: loop, tls: try TLSContext(TLSFiles(authorities: try TestAuthority.files().authorities)))
    let error = #expect(throws: TransportError.self) { try get(distrusting) }
    #expect(error?.code == .tls)
  }

  @Test("files that cannot be used leave the old in force")
  func brokenFiles() throws {
    let authority = try TestAuthority()
    let context = try TLSContext(authority.files)
    let acceptor = try #require(context.acceptor)
    let other = try TestAuthority()
    try FileManager.default.removeItem(atPath: authority.path("server.key"))
    try FileManager.default.copyItem(
      atPath: other.path("server.key"), toPath: authority.path("server.key"))
    let mismatch = #expect(throws: TransportError.self) { try context.reload() }
    #expect(mismatch?.message.contains("is not that of the certificate") == true)
    #expect(context.acceptor === acceptor)
    try "nonsense".write(
      toFile: authority.path("server.crt"), atomically: true, encoding: .utf8)
    let nonsense = #expect(throws: TransportError.self) { try context.reload() }
    #expect(nonsense?.message.contains("holds no certificate") == true)
    #expect(context.acceptor === acceptor)
    try authority.issue()
    try context.reload()
    #expect(context.acceptor !== acceptor)
  }

  @Test("a failed reading is told once, until the files change again")
  func reportedOnce() throws {
    let authority = try TestAuthority()
    let loop = try EventLoop()
    let context = try TLSContext(authority.files)
    var failures = 0
    var successes = 0
    context.reloadOnChange(on: loop, every: .milliseconds(1)) { result in
      if case .failure = result { failures += 1 } else { successes += 1 }
    }
    try "nonsense".write(toFile: authority.path("ca.crt"), atomically: true, encoding: .utf8)
    loop.schedule(after: .milliseconds(100)) { loop.stop() }
    loop.run()
    #expect(failures == 1)
    let other = try TestAuthority()
    try FileManager.default.removeItem(atPath: authority.path("ca.crt"))
    try FileManager.default.copyItem(atPath: other.path("ca.crt"), toPath: authority.path("ca.crt"))
    loop.schedule(after: .milliseconds(100)) { loop.stop() }
    loop.run()
    #expect(successes == 1)
    #expect(failures == 1)
  }

  @Test(
    "files that are missing or wrong are named",
    arguments: [
      (["server.crt": nil], "server.crt cannot be read: No such file"),
      (["server.key": nil], "server.key cannot be read: No such file"),
      (["ca.crt": nil], "ca.crt cannot be read: No such file"),
      (["server.crt": ""], "server.crt holds no certificate"),
      (["server.key": "-----BEGIN PRIVATE KEY-----\n"], "server.key holds no key"),
      (["ca.crt": "x"], "ca.crt holds no authority"),
    ] as [([String: String?], String)])
  func namedFiles(files: [String: String?], sentence: String) throws {
    let authority = try TestAuthority()
    for (name, text) in files {
      try FileManager.default.removeItem(atPath: authority.path(name))
      try text?.write(toFile: authority.path(name), atomically: true, encoding: .utf8)
    }
    let error = #expect(throws: TransportError.self) { try TLSContext(authority.files) }
    #expect(error?.code == .tls)
    #expect(error?.message.contains(sentence) == true, "\(error as Any)")
  }

  @Test("a key with a pass phrase is refused instead of asked for")
  func passPhrase() throws {
    let authority = try TestAuthority()
    let made = try Tool.run(
      "/usr/bin/openssl",
      [
        "pkey", "-in", authority.path("server.key"), "-aes256", "-passout", "pass:secret", "-out",
        authority.path("locked.key"),
      ])
    #expect(made.status == 0, "\(made.output)")
    var files = authority.files
    files.key = authority.path("locked.key")
    let error = #expect(throws: TransportError.self) { try TLSContext(files) }
    #expect(error?.message.contains("without a pass phrase") == true)
  }

  @Test("a new certificate keeps its authority, and keys are for their owner only")
  func renewal() throws {
    let authority = try TestAuthority()
    let files = FileManager.default
    let names = ["ca.crt", "ca.key", "server.crt", "server.key"]
    let before = names.map { files.contents(atPath: authority.path($0)) }
    try authority.issue(["node.example.org", "10.0.0.1", "fe80::1"])
    let after = names.map { files.contents(atPath: authority.path($0)) }
    #expect(zip(before, after).map { $0 == $1 } == [true, true, false, false])
    #expect(try files.contentsOfDirectory(atPath: authority.directory).sorted() == names)
    for name in ["ca.key", "server.key"] {
      let attributes = try files.attributesOfItem(atPath: authority.path(name))
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
    #expect(throws: HarnessError.self) { try authority.issue(["no name"]) }
  }

  @Test("a certificate and its key need each other")
  func halves() throws {
    let files = try TestAuthority.files()
    #expect(throws: TransportError.self) {
      try TLSContext(TLSFiles(certificate: files.certificate))
    }
  }

  @Test("A certificate is checked as the others of its cluster will")
  func check() throws {
    let authority = try TestAuthority(["node-1.example"])
    func problem(at host: String?) throws -> String? {
      try TLSContext(authority.files).problem(at: host)
    }
    #expect(try problem(at: nil) == nil)
    #expect(try problem(at: "127.0.0.1") == nil)
    #expect(try problem(at: "node-1.example") == nil)
    #expect(try problem(at: "192.0.2.7")?.contains("is not for 192.0.2.7") == true)
    let other = try TestAuthority.stranger.get().path("ca.crt")
    let strange = TLSFiles(
      certificate: authority.path("server.crt"), key: authority.path("server.key"),
      authorities: other)
    #expect(try TLSContext(strange).problem(at: nil)?.contains("authority of tls-ca") == true)
    try authority.expire()
    #expect(try problem(at: nil)?.contains("has expired") == true)
  }
}
