import ArgumentParser
import HTTPTransport
import Testing

@testable import Commands

struct ClientTLSTests {
  @Test func `a client trusts whom flag or environment names`() throws {
    let environment = Environment { $0 == "SCALED_STORAGE_TLS_CA" ? "other.crt" : nil }
    let none = try ClientTLSOptions.parse([])
    #expect(try none.files(isSecure: true, environment)?.authorities == "other.crt")
    #expect(try none.files(isSecure: false, environment) == nil)
    let given = try ClientTLSOptions.parse(["--tls-ca", "ca.crt"])
    #expect(try given.files(isSecure: true, environment)?.authorities == "ca.crt")
    #expect(throws: CommandFailure.self) { try given.files(isSecure: false, environment) }
    let half = try ClientTLSOptions.parse(["--tls-key", "a.key"])
    #expect(throws: CommandFailure.self) { try half.files(isSecure: true, environment) }
  }

  @Test func `the name that all certificates have comes by flag or environment`() throws {
    let environment = Environment { $0 == "SCALED_STORAGE_TLS_PEER_NAME" ? "a.example" : nil }
    let none = try ClientTLSOptions.parse([])
    #expect(try none.context(isSecure: true, environment)?.peerName == "a.example")
    #expect(try none.context(isSecure: false, environment) == nil)
    let given = try ClientTLSOptions.parse(["--tls-peer-name", "b.example"])
    #expect(try given.context(isSecure: true, environment)?.peerName == "b.example")
    #expect(throws: CommandFailure.self) { try given.context(isSecure: false, environment) }
  }

  @Test func `flags for TLS need a URL that asks for it`() throws {
    #expect(throws: (any Error).self) {
      _ = try RootCommand.parseAsRoot(["get", "key", "--tls-ca", "ca.crt"])
    }
    _ = try RootCommand.parseAsRoot(
      ["get", "key", "--tls-ca", "ca.crt", "--url", "https://127.0.0.1:8080"])
  }
}
