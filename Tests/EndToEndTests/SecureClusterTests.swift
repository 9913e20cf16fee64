import Foundation
import HTTPTransport
import ScaledStorageClient
import Testing

/// Certificates as `deploy/dev-ca` makes them, in a directory of their own.
final class Certificates {
  let directory = FileManager.default.temporaryDirectory
    .appendingPathComponent("scaled-storage-\(UUID().uuidString)-tls")

  init() throws { try issue() }

  deinit { try? FileManager.default.removeItem(at: directory) }

  func issue() throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("deploy/dev-ca")
    let process = try ProcessWatcher.spawn(
      executable: script.path, arguments: [directory.path], environment: ["PATH=/usr/bin:/bin"])
    var status: Int32 = -1
    waitpid(process, &status, 0)
    guard status == 0 else { throw ClusterFailure("deploy/dev-ca failed") }
  }

  func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  var authority: [String] { ["--tls-ca", path("ca.crt")] }
  var identity: [String] {
    ["--tls-certificate", path("server.crt"), "--tls-key", path("server.key")]
  }

  func files(withIdentity: Bool) -> TLSFiles {
    TLSFiles(
      certificate: withIdentity ? path("server.crt") : nil,
      key: withIdentity ? path("server.key") : nil, authorities: path("ca.crt"))
  }
}

extension EndToEnd {
  /// A cluster that speaks TLS, with the real program.
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct SecureClusterEndToEnd {
    private static let key = "/kv/greeting"

    @Test("A cluster over TLS serves, forwards and grows, and its control needs a certificate")
    func aClusterOverTLS() throws {
      let certificates = try Certificates()
      let cluster = try RunningCluster(certificates.identity + certificates.authority)
      defer { cluster.remove() }
      #expect(cluster.url.hasPrefix("https://127.0.0.1:"))
      let user = try HTTPUser(cluster.address, tls: certificates.files(withIdentity: false))

      let forward = try user.send(.put, Self.key, body: "hello", following: false)
      #expect(forward.status == 307)
      let location = try #require(forward.header("location"))
      #expect(location.hasPrefix("https://127.0.0.1:"))
      #expect(try user.send(.put, Self.key, body: "hello").status == 201)
      let proxied = try user.send(.get, Self.key, headers: [("ss-forward", "proxy")])
      #expect(proxied.text == "hello")

      let untrusting = try cluster.run(["get", "greeting"])
      #expect(untrusting.status == 1)
      #expect(untrusting.output.contains("--tls-ca"), "\(untrusting.output)")
      let got = try cluster.run(["get", "greeting"] + certificates.authority)
      #expect(got.output == "hello")

      let credential = ["--credential-file", cluster.directory.path + "/credential"]
      let scale = ["scale", "up", "--wait"] + credential + certificates.authority
      let refused = try cluster.run(scale)
      #expect(refused.status == 1)
      #expect(refused.output.contains("certificate_missing"), "\(refused.output)")
      let scaled = try cluster.run(scale + certificates.identity)
      #expect(scaled.status == 0, "\(scaled.output)")
      let ring = try user.settledRing(members: 2)
      let members = ring["members"] as? [[String: Any]] ?? []
      for address in members.compactMap({ $0["address"] as? String }) {
        let answer = try user.send(.get, Self.key, at: try SocketAddress(address))
        #expect(answer.text == "hello")
      }
      try control(HTTPEndpoint(location).resolve(), cluster, certificates)
      #expect(cluster.stop() == 0)
    }

    @Test(
      "The client library speaks TLS with the gateway and with nodes that it finds itself",
      arguments: [ClusterClient.Routing.direct, .gateway])
    func client(routing: ClusterClient.Routing) async throws {
      let certificates = try Certificates()
      let cluster = try RunningCluster(
        certificates.identity + certificates.authority + [
          "--scale-up-at", "50", "--max-nodes", "2",
        ])
      defer { cluster.remove() }
      let secret = try String(
        contentsOfFile: cluster.directory.path + "/credential", encoding: .utf8)
      let credential = secret.filter { !$0.isNewline }
      var files = ClusterClient.TLS(authorities: certificates.path("ca.crt"))
      let anonymous = try ClusterClient(cluster.url, credential: credential, tls: files)
      let refusal = await #expect(throws: ClientError.self) { try await anonymous.get("1") }
      #expect(refusal?.serviceCode == "certificate_missing")

      if routing == .direct {
        files.certificate = certificates.path("server.crt")
        files.key = certificates.path("server.key")
      }
      let client = try ClusterClient(
        cluster.url, credential: routing == .direct ? credential : nil, routing: routing, tls: files
      )
      for number in 0..<100 { try await client.put("\(number)", "\(number)") }
      let user = try HTTPUser(cluster.address, tls: certificates.files(withIdentity: false))
      _ = try user.settledRing(members: 2)
      for number in 0..<100 {
        #expect(try await client.get("\(number)")?.text == "\(number)")
      }
      #expect(client.statistics.failures == 0)
      let statistics = client.statistics
      if routing == .direct { #expect(statistics.extraHops < statistics.requests / 2) }

      let stranger = try ClusterClient(cluster.url)
      let error = await #expect(throws: ClientError.self) { try await stranger.get("1") }
      #expect(error?.code == .insecure)
      #expect(error?.message.contains("authority") == true)
    }

    /// A node's control methods, by who has the credential and who has a certificate as well.
    private func control(
      _ node: SocketAddress, _ cluster: RunningCluster, _ certificates: Certificates
    ) throws {
      let secret = try String(
        contentsOfFile: cluster.directory.path + "/credential", encoding: .utf8)
      let headers = [
        (name: "authorization", value: "Bearer " + secret.filter { !$0.isNewline }),
        (name: "content-type", value: "text/candid"),
      ]
      let arguments = "(record { args = null })"
      let without = try HTTPUser(node, tls: certificates.files(withIdentity: false)).send(
        .post, "/init_canister_manager", body: arguments, headers: headers)
      #expect(without.status == 403)
      #expect(without.header("ss-error") == "certificate_missing")
      let with = try HTTPUser(node, tls: certificates.files(withIdentity: true)).send(
        .post, "/init_canister_manager", body: arguments, headers: headers)
      #expect(with.header("ss-error") == "already_initialised", "\(with.text)")
    }

    @Test("Where certificates have no addresses, gateway and nodes know each other by one name")
    func peerName() async throws {
      let certificates = try Certificates()
      let files = certificates.identity + certificates.authority
      let name = ["--tls-peer-name", "localhost"]
      // The certificate is for 127.0.0.1, and for nothing that this listens on.
      let cluster = try RunningCluster(files + name + ["--listen", "127.0.0.2:0"])
      defer { cluster.remove() }
      #expect(cluster.url.hasPrefix("https://127.0.0.2:"))
      let credential = ["--credential-file", cluster.directory.path + "/credential"]
      let scaled = try cluster.run(["scale", "up", "--wait"] + credential + files + name)
      #expect(scaled.status == 0, "\(scaled.output)")

      let unnamed = try cluster.run(["get", "greeting"] + certificates.authority)
      #expect(unnamed.status == 1 && unnamed.output.contains("mismatch"), "\(unnamed.output)")
      let client = try ClusterClient(
        cluster.url,
        tls: ClusterClient.TLS(authorities: certificates.path("ca.crt"), peerName: "localhost"))
      for number in 0..<20 { try await client.put("\(number)", "\(number)") }
      for number in 0..<20 { #expect(try await client.get("\(number)")?.text == "\(number)") }

      let settings = ["--data", cluster.directory.path, "--listen", "\(cluster.address)"]
      let doctor = try cluster.run(["doctor", "up"] + settings + files + name)
      #expect(doctor.output.contains("is valid, and leads to"), "\(doctor.output)")
      #expect(doctor.output.contains("know callers by the same rules"), "\(doctor.output)")
      let stranger = try cluster.run(
        ["config", "check", "up"] + settings + files + ["--tls-peer-name", "other.example"],
        atURL: false)
      #expect(stranger.status == 64)
      #expect(
        stranger.output.contains("server.crt is not for that name"), "\(stranger.output)")
    }

    @Test("A running cluster takes a new certificate and keeps open connections")
    func aNewCertificate() throws {
      let certificates = try Certificates()
      let cluster = try RunningCluster(certificates.identity + certificates.authority)
      defer { cluster.remove() }
      let user = try HTTPUser(cluster.address, tls: certificates.files(withIdentity: false))
      #expect(try user.send(.put, Self.key, body: "hello").status == 201)
      try certificates.issue()
      // What is waited for is the program's own line; it comes within seconds.
      let deadline = Date().addingTimeInterval(60)
      while !cluster.log.contains("the certificates were read again"), Date() < deadline {
        usleep(20_000)
      }
      #expect(cluster.log.contains("the certificates were read again"))
      #expect(try user.send(.get, Self.key).text == "hello")
      let newcomer = try HTTPUser(cluster.address, tls: certificates.files(withIdentity: false))
      #expect(try newcomer.send(.get, Self.key).text == "hello")
    }

    @Test("Nodes that speak plain text are started again by a gateway that speaks TLS")
    func fromPlainText() throws {
      let certificates = try Certificates()
      let cluster = try RunningCluster()
      defer { cluster.remove() }
      #expect(try HTTPUser(cluster.address).send(.put, Self.key, body: "hello").status == 201)
      let plain = cluster.nodeProcesses
      #expect(plain.count == 1)
      cluster.killGateway()
      try cluster.start(with: certificates.identity + certificates.authority)
      #expect(cluster.url.hasPrefix("https://"))
      let user = try HTTPUser(cluster.address, tls: certificates.files(withIdentity: false))
      #expect(try user.send(.get, Self.key, headers: [("ss-forward", "proxy")]).text == "hello")
      #expect(cluster.nodeProcesses.count == 1)
      #expect(cluster.nodeProcesses != plain)
    }

    @Test("Clients without a certificate are refused where one is required")
    func requiredCertificates() throws {
      let certificates = try Certificates()
      let cluster = try RunningCluster(
        certificates.identity + certificates.authority + ["--tls-require-client-certificate"])
      defer { cluster.remove() }
      let without = try cluster.run(["get", "greeting"] + certificates.authority)
      #expect(without.status == 1)
      #expect(without.output.contains("certificate required"), "\(without.output)")
      let with = try cluster.run(
        ["put", "greeting", "hello"] + certificates.authority + certificates.identity)
      #expect(with.status == 0, "\(with.output)")
    }
  }
}
