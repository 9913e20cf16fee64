import Foundation
import Testing

@testable import HTTPTransport

/// A server over TLS, with clients that others wrote.
@Suite(.timeLimit(.minutes(1)))
struct TLSServerTests {
  @Test(
    "curl gets what it asks for, by the protocol that ALPN chose",
    arguments: [
      ("--http2", "--tlsv1.3", "http2"), ("--http1.1", "--tlsv1.3", "http1"),
      ("--http2", "--tls-max=1.2", "http2"), ("--http1.1", "--tls-max=1.2", "http1"),
    ])
  func versions(option: String, tls: String, version: String) throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let url = "https://\(harness.address)"
    let options = [option] + tls.split(separator: "=").map(String.init)
    let get = try Tool.run(
      "/usr/bin/curl", try curlOptions() + options + ["\(url)/describe?a"])
    #expect(get.output == "GET /describe a \(version) 0 host=\(harness.address) x=-")
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(TestHandler.pattern(1_500_000)).write(to: file)
    let put = try Tool.run(
      "/usr/bin/curl",
      try curlOptions() + options + ["-T", file.path, "\(url)/echo", "-o", file.path + ".back"])
    #expect(put.status == 0, "\(put.output)")
    let back = try Data(contentsOf: URL(fileURLWithPath: file.path + ".back"))
    try FileManager.default.removeItem(atPath: file.path + ".back")
    #expect(back == Data(TestHandler.pattern(1_500_000)))
    let large = try Tool.run(
      "/usr/bin/curl",
      try curlOptions() + options + [
        "-o", "/dev/null", "-w", "%{http_code} %{size_download}", "\(url)/large?5000000",
      ])
    #expect(large.output == "200 5000000")
  }

  private func curlOptions() throws -> [String] {
    [
      "-sS", "--max-time", "20", "--noproxy", "*", "--cacert",
      try TestAuthority.shared.get().path("ca.crt"),
    ]
  }

  @Test("the name localhost is served too")
  func localhost() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let get = try Tool.curl("https://localhost:\(harness.address.port)/hello")
    #expect(get.output == "hello")
  }

  @Test("a client without ALPN is served by what it sends")
  func withoutALPN() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let first = try Tool.curl("--no-alpn", "--http1.1", "https://\(harness.address)/describe")
    #expect(first.output.hasPrefix("GET /describe  http1"))
    let second = try Tool.curl(
      "--no-alpn", "--http2-prior-knowledge", "https://\(harness.address)/describe")
    #expect(second.output.hasPrefix("GET /describe  http2"), "\(second.output)")
  }

  @Test("a client that offers only other protocols is told so by an alert (RFC 7301 section 3.2)")
  func otherProtocols() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let run = try Tool.client(harness.address, "-alpn spdy/3.1,h3")
    #expect(run.output.contains("alert no application protocol"), "\(run.output)")
    #expect(run.output.contains("alert number 120"))
  }

  @Test("TLS 1.1 is refused", arguments: ["-tls1_1", "-tls1"])
  func oldVersions(option: String) throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let run = try Tool.client(harness.address, "\(option) -cipher 'ALL:@SECLEVEL=0'")
    #expect(run.output.contains("alert protocol version"), "\(run.output)")
  }

  @Test("suites that HTTP/2 forbids are not agreed on (RFC 9113 section 9.2.2)")
  func forbiddenSuites() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    for cipher in ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AES128-GCM-SHA256"] {
      let run = try Tool.client(harness.address, "-tls1_2 -cipher \(cipher)")
      #expect(run.output.contains("handshake failure"), "\(cipher): \(run.output)")
    }
  }

  @Test("renegotiation is refused")
  func renegotiation() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let run = try Tool.client(harness.address, "-tls1_2 -alpn http/1.1", input: "R\\n")
    #expect(run.output.contains("no renegotiation"), "\(run.output)")
    try harness.waitUntil { $0.server?.connectionCount == 0 }
  }

  @Test("the certificate is good for OpenSSL, and so is the orderly end")
  func verification() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let run = try Tool.client(
      harness.address, "-alpn http/1.1 -verify_ip 127.0.0.1 -verify_return_error -ign_eof",
      input: "GET /hello HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n")
    #expect(run.output.contains("Verify return code: 0 (ok)"), "\(run.output)")
    #expect(run.output.contains("\r\n\r\nhello"))
    #expect(!run.output.contains("unexpected eof"))
  }

  @Test("h2load finishes every request")
  func h2load() throws {
    let harness = try ServerHarness(tls: try TestAuthority.files())
    let run = try Tool.run(
      "/usr/bin/h2load", ["-n", "5000", "-c", "10", "-m", "50", "https://\(harness.address)/hello"])
    #expect(run.output.contains("5000 succeeded, 0 failed, 0 errored"), "\(run.output)")
    #expect(run.output.contains("Application protocol: h2"))
    try harness.waitUntil { $0.server?.connectionCount == 0 && $0.server?.bufferedBytes == 0 }
  }

  // MARK: Client certificates

  @Test("a client may come without a certificate, and the server knows")
  func optionalCertificate() throws {
    let authority = try TestAuthority.shared.get()
    let harness = try ServerHarness(tls: authority.files)
    let url = "https://\(harness.address)/security"
    #expect(try Tool.curl(url).output == "true false true")
    let shown = try Tool.curl(
      "--cert", authority.path("server.crt"), "--key", authority.path("server.key"), url)
    #expect(shown.output == "true true false")
  }

  @Test("without authorities no certificate is asked for")
  func noAuthorities() throws {
    var files = try TestAuthority.files()
    files.authorities = nil
    let harness = try ServerHarness(tls: files)
    #expect(try Tool.curl("https://\(harness.address)/security").output == "true false false")
  }

  @Test("plain text is neither secure nor lacks a certificate")
  func plainText() throws {
    let harness = try ServerHarness()
    #expect(try Tool.curl("http://\(harness.address)/security").output == "false false false")
  }

  @Test("a demanded certificate must be there", arguments: ["1.2", "1.3"])
  func demandedCertificate(version: String) throws {
    let authority = try TestAuthority.shared.get()
    let harness = try ServerHarness(tls: authority.files, demandsClientCertificate: true)
    let url = "https://\(harness.address)/security"
    let without = try Tool.curl("--tls-max", version, url)
    #expect(without.status != 0)
    let with = try Tool.curl(
      "--tls-max", version, "--cert", authority.path("server.crt"), "--key",
      authority.path("server.key"), url)
    #expect(with.output == "true true false", "\(with.output)")
  }

  @Test("a certificate of another authority is refused, demanded or not", arguments: [true, false])
  func strangersCertificate(isDemanded: Bool) throws {
    let harness = try ServerHarness(
      tls: try TestAuthority.files(), demandsClientCertificate: isDemanded)
    let other = try TestAuthority.stranger.get()
    let run = try Tool.curl(
      "--cert", other.path("server.crt"), "--key", other.path("server.key"),
      "https://\(harness.address)/security")
    #expect(run.status != 0)
    #expect(run.output.contains("unknown ca"), "\(run.output)")
  }
}
