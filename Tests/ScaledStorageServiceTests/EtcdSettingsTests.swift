import ArgumentParser
import Etcd
import Testing

@testable import ScaledStorageService

struct EtcdSettingsTests {
  private func place(
    _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> EtcdPlace? {
    let configuration = try Configuration(file: nil, environment: environment)
    return try EtcdPlace(try EtcdOptions.parse(arguments), configuration)
  }

  @Test func `etcd is not used unless it is named`() throws {
    #expect(try place([]) == nil)
    #expect(try place(["--etcd-cluster", "a"]) == nil)
  }

  @Test func `members come by flag and environment, in plain text or all with TLS`() throws {
    let plain = try #require(try place(["--etcd", "10.0.0.1:2379, b:2,http://[::1]:3/"]))
    #expect(plain.endpoints == ["10.0.0.1:2379", "b:2", "[::1]:3"])
    #expect(!plain.isSecure && plain.cluster == "default")
    #expect(try plain.settings().tls == nil)
    let secure = try #require(
      try place(
        ["--etcd-cluster", "c", "--etcd-ca", "ca"],
        ["SCALED_STORAGE_ETCD": "https://a:1,https://b:80"]))
    #expect(secure.endpoints == ["a:1", "b:80"])
    #expect(
      secure.arguments { "/" + $0 } == [
        "--etcd", "https://a:1,https://b:80", "--etcd-cluster", "c", "--etcd-ca", "/ca",
      ])
  }

  @Test(arguments: [
    (["--etcd", "a"], "HOST:PORT"), (["--etcd", "a:1/x"], "HOST:PORT"),
    (["--etcd", "a:0"], "HOST:PORT"), (["--etcd", ","], "1 to 16"),
    (["--etcd", "http://a:1,https://b:1"], "mixes"),
    (["--etcd", "a:1", "--etcd-ca", "x"], "https://"),
    (["--etcd", "https://a:1", "--etcd-key", "x"], "without etcd-certificate"),
    (["--etcd", "https://a:1", "--etcd-certificate", "x"], "without etcd-key"),
    (["--etcd", "a:1", "--etcd-cluster", "a/b"], "letters"),
  ])
  func `what is wrong is told, with the way out`(arguments: [String], told: String) throws {
    let error = #expect(throws: ConfigurationError.self) { try place(arguments) }
    #expect(error?.message.contains(told) == true)
  }

  @Test func `files that cannot be used are wrong usage`() throws {
    let place = try place(["--etcd", "https://a:1", "--etcd-ca", "/no/ca"])
    let error = #expect(throws: ConfigurationError.self) { try place?.settings() }
    #expect(error?.message.contains("/no/ca") == true)
  }

  @Test func `a whole cluster in one program takes no etcd`() throws {
    let configuration = try Configuration(file: nil, environment: [:])
    let settings = try ServiceSettings(
      try ServiceOptions.parse(["--etcd", "a:1"]), configuration, listen: "127.0.0.1:0")
    let error = #expect(throws: ConfigurationError.self) { try settings.requireNoEtcd() }
    #expect(error?.message.contains("up") == true)
  }
  @Test(arguments: [
    ([], "launcher process"), (["--launcher", "systemd"], "launcher systemd"),
    (["--nodes", "127.0.0.1:1"], nil), (["--launcher", "kubernetes"], nil),
    (["--launcher", "docker", "--docker-image", "x"], nil),
  ])
  func `gateways that agree by etcd start no nodes that only one of them can`(
    arguments: [String], refused: String?
  ) throws {
    let configuration = try Configuration(file: nil, environment: [:])
    let settings = try ServiceSettings(
      try ServiceOptions.parse(["--etcd", "a:1"]), configuration, listen: "127.0.0.1:0")
    let scaling = try ScalingSettings(try ScalingOptions.parse(arguments), configuration)
    guard let refused else { return try settings.requireNodesForAll(scaling) }
    let error = #expect(throws: ConfigurationError.self) {
      try settings.requireNodesForAll(scaling)
    }
    #expect(error?.message.contains(refused) == true)
  }
}
