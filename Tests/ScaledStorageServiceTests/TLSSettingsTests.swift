import ArgumentParser
import HTTPTransport
import Testing

@testable import ScaledStorageService

struct TLSSettingsTests {
  private func settings(
    _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> TLSSettings? {
    let configuration = try Configuration(
      file: nil, environment: environment)
    return try TLSSettings(try TLSOptions.parse(arguments), configuration)
  }

  @Test func `a service speaks plain text unless it is told otherwise`() throws {
    #expect(try settings([]) == nil)
  }

  @Test func `certificate, key and authority come by flag and environment`() throws {
    let settings = try settings(
      ["--tls-certificate", "a.crt"],
      ["SCALED_STORAGE_TLS_KEY": "a.key", "SCALED_STORAGE_TLS_CA": "ca.crt"])
    #expect(
      settings?.files == TLSFiles(certificate: "a.crt", key: "a.key", authorities: "ca.crt"))
    #expect(settings?.demandsClientCertificate == false)
    #expect(
      settings?.arguments { "/" + $0 } == [
        "--tls-certificate", "/a.crt", "--tls-key", "/a.key", "--tls-ca", "/ca.crt",
      ])
  }

  @Test func `the name that peers have is read, and passed on to nodes`() throws {
    let files = ["--tls-certificate", "a.crt", "--tls-key", "a.key", "--tls-ca", "ca.crt"]
    let named = try settings(files, ["SCALED_STORAGE_TLS_PEER_NAME": "cluster.Scaled-storage.1"])
    #expect(named?.peerName == "cluster.Scaled-storage.1")
    #expect(
      named?.arguments { $0 }.suffix(2) == ["--tls-peer-name", "cluster.Scaled-storage.1"])
    #expect(try settings(files)?.peerName == nil)
    #expect(try settings(files + ["--tls-peer-name", "localhost"])?.peerName == "localhost")
  }

  @Test(arguments: [
    "127.0.0.1", "::1", "a..b", ".a", "a.", "*.nodes", "a_b", "nodes:8081", "é", "a b",
    String(repeating: "a", count: 64), String(repeating: "a.", count: 127) + "a",
  ])
  func `what is no host name cannot be that of peers`(name: String) throws {
    let files = ["--tls-certificate", "a", "--tls-key", "b", "--tls-ca", "c"]
    let error = #expect(throws: ConfigurationError.self) {
      try settings(files + ["--tls-peer-name", name])
    }
    #expect(error?.message.hasPrefix("--tls-peer-name: tls-peer-name is \"") == true)
    #expect(error?.message.contains("; write a DNS name") == true)
  }

  @Test(arguments: [
    ["--tls-certificate", "a"], ["--tls-key", "a"], ["--tls-ca", "a"],
    ["--tls-certificate", "a", "--tls-key", "b"], ["--tls-certificate", "a", "--tls-ca", "b"],
    ["--tls-require-client-certificate"], ["--tls-peer-name", "a"],
  ])
  func `files that are missing are named`(arguments: [String]) throws {
    let error = #expect(throws: ConfigurationError.self) { try settings(arguments) }
    #expect(error?.message.contains("tls-certificate, tls-key and tls-ca") == true)
  }

  @Test func `files that cannot be used are wrong usage`() throws {
    let settings = try settings(
      ["--tls-certificate", "/no/a", "--tls-key", "/no/b", "--tls-ca", "/no/c"])
    let error = #expect(throws: ConfigurationError.self) { try settings?.context() }
    #expect(error?.message.contains("/no/") == true)
  }

  private func listening(_ arguments: [String]) throws -> SocketAddress {
    let configuration = try Configuration(file: nil, environment: [:])
    return try ServiceSettings(
      try ServiceOptions.parse(arguments), configuration, listen: "127.0.0.1:0"
    ).listenAddress()
  }

  @Test(arguments: ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"])
  func `plain text beyond loopback is refused, with both ways out`(address: String) throws {
    let error = #expect(throws: ConfigurationError.self) {
      try listening(["--listen", address])
    }
    #expect(error?.message.hasPrefix("--listen: listen is \(address)") == true)
    #expect(error?.message.contains("tls-certificate") == true)
    #expect(error?.message.contains("allow-plaintext") == true)
    let open = ["--listen", address, "--anonymous", "write"]
    #expect(try listening(open + ["--allow-plaintext"]).port == 1)
    let files = ["--tls-certificate", "a", "--tls-key", "b", "--tls-ca", "c"]
    #expect(try listening(open + files).port == 1)
  }

  @Test(arguments: ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"])
  func `who may do what beyond loopback has to be said`(address: String) throws {
    let arguments = ["--listen", address, "--allow-plaintext"]
    let error = #expect(throws: ConfigurationError.self) { try listening(arguments) }
    #expect(error?.message.hasPrefix("--listen: listen is \(address)") == true)
    #expect(error?.message.contains("access-file") == true)
    #expect(error?.message.contains("anonymous = none, read or write") == true)
    for said in [["--anonymous", "none"], ["--anonymous", "read"], ["--access-file", "a"]] {
      #expect(try listening(arguments + said).port == 1)
    }
  }

  @Test(arguments: ["127.0.0.1:1", "[::1]:1", "127.8.8.8:1", "localhost:1"])
  func `loopback may be plain text`(address: String) throws {
    #expect(try listening(["--listen", address]).isLoopback)
  }
}
