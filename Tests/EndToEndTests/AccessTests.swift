import Foundation
import HTTPTransport
import ScaledStorageClient
import Testing

extension EndToEnd {
  /// Roles, tokens and credentials, with the real program.
  @Suite(.serialized, .timeLimit(.minutes(5)))
  final class AccessEndToEnd {
    private let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("scaled-storage-\(UUID().uuidString)-roles")
    private var file: String { folder.appendingPathComponent("access").path }
    private var audit: String { folder.appendingPathComponent("audit").path }
    private let cluster: RunningCluster

    init() throws {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data("".utf8).write(to: folder.appendingPathComponent("access"))
      cluster = try RunningCluster([
        "--access-file", folder.appendingPathComponent("access").path,
        "--audit-log", folder.appendingPathComponent("audit").path, "--log-level", "trace",
      ])
    }

    deinit {
      cluster.remove()
      try? FileManager.default.removeItem(at: folder)
    }

    private func text(_ path: String) -> String {
      (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }

    private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// Makes a token and a file that holds it.
    private func add(_ name: String, _ role: String) throws -> String {
      let added = try cluster.run(
        ["token", "add", name, "--role", role, "--access-file", file], atURL: false)
      try #require(added.status == 0, "\(added.output)")
      try Data(added.output.utf8).write(to: folder.appendingPathComponent(name + ".token"))
      return added.output.filter { !$0.isNewline }
    }

    /// Looks again and again: what is waited for comes once a program has read its file.
    private func until(_ what: String, _ condition: () throws -> Bool) throws {
      let deadline = Date().addingTimeInterval(60)
      while try !condition(), Date() < deadline { usleep(20_000) }
      #expect(try condition(), "\(what)")
    }

    private func secret() -> String {
      text(cluster.directory.path + "/credential").filter { !$0.isNewline }
    }

    @Test("Tokens are made and taken away while the cluster runs")
    func tokens() async throws {
      let reader = ["--token-file", path("reader.token")]
      let writer = ["--token-file", path("writer.token")]
      let admin = ["--token-file", path("admin.token")]
      #expect(try cluster.run(["put", "greeting", "hello"]).status == 1)
      _ = try add("reader", "read")
      let token = try add("writer", "write")
      _ = try add("admin", "admin")
      let attributes = try FileManager.default.attributesOfItem(atPath: file)
      #expect((attributes[.posixPermissions] as? Int ?? 0) & 0o007 == 0)
      #expect(!text(file).contains(token))

      try until("the token is known") {
        try cluster.run(["put", "greeting", "hello"] + writer).status == 0
      }
      try until("the token is known everywhere") {
        try cluster.run(["get", "greeting"] + reader).output == "hello"
      }
      let refused = try cluster.run(["put", "greeting", "no"] + reader)
      #expect(refused.status == 1)
      #expect(refused.output.contains("role_too_low"), "\(refused.output)")
      let scale = ["scale", "up"]
      let tooLow = try cluster.run(scale + writer)
      #expect(tooLow.output.contains("writer has the role write"), "\(tooLow.output)")
      let scaled = try cluster.run(scale + ["--wait"] + admin)
      #expect(scaled.status == 0, "\(scaled.output)")
      #expect(try cluster.run(["info"] + reader).status == 0)
      #expect(try cluster.run(["get", "greeting"] + reader).output == "hello")

      let client = try ClusterClient(cluster.url, token: token)
      for number in 0..<50 { try await client.put("\(number)", "\(number)") }
      for number in 0..<50 { #expect(try await client.get("\(number)")?.text == "\(number)") }

      let list = try cluster.run(["token", "list", "--access-file", file], atURL: false)
      #expect(list.output.contains("writer"))
      let removed = try cluster.run(
        ["token", "remove", "writer", "--access-file", file], atURL: false)
      #expect(removed.status == 0)
      try until("the token is not taken any more") {
        try cluster.run(["put", "greeting", "no"] + writer).status == 1
      }
      let lines = text(audit).split(separator: "\n")
      for line in lines {
        #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) != nil, "\(line)")
      }
      #expect(lines.contains { $0.contains("\"scale\"") && $0.contains("\"admin\"") })
      #expect(lines.contains { $0.contains("\"scale\"") && $0.contains("refused: role_too_low") })
      #expect(lines.contains { $0.contains("removed writer (write)") })
    }

    @Test("The credential is replaced while the cluster runs and grows")
    func rotation() throws {
      let credential = ["--credential-file", cluster.directory.path + "/credential"]
      let old = secret()
      let rotated = try cluster.run(["credential", "rotate", "--timeout", "60"] + credential)
      #expect(rotated.status == 0, "\(rotated.output)")
      #expect(secret() != old)
      let check = try cluster.run(["credential", "check"] + credential)
      #expect(check.status == 0, "\(check.output)")
      let user = try HTTPUser(cluster.address)
      let asOld = try user.send(
        .get, "/cluster_map", headers: [("authorization", "Bearer " + old)])
      #expect(asOld.status == 403)
      let scaled = try cluster.run(["scale", "up", "--wait"] + credential)
      #expect(scaled.status == 0, "\(scaled.output)")

      // By single steps, as where machines have copies of the file.
      for step in ["add", "use", "drop"] {
        let made = try cluster.run(["credential", step] + credential, atURL: false)
        #expect(made.status == 0, "\(made.output)")
        try until("all follow \(step)") {
          try cluster.run(["credential", "check"] + credential).status == 0
        }
      }
      #expect(try cluster.run(["scale", "down", "--wait"] + credential).status == 0)
      let early = try cluster.run(["credential", "use"] + credential, atURL: false)
      #expect(early.status == 1)
    }

    @Test("Neither tokens nor credentials nor the hash key are told to anybody")
    func secrets() throws {
      let token = try add("admin", "admin")
      let admin = ["--token-file", path("admin.token")]
      try until("the token is known") { try cluster.run(["info"] + admin).status == 0 }
      let credential = secret()
      let bearer = { (text: String) in [(name: "authorization", value: "Bearer " + text)] }
      let user = try HTTPUser(cluster.address)
      let map = try user.send(.get, "/cluster_map", headers: bearer(credential)).text
      let start = try #require(map.range(of: "\"hash_key\":"))
      let hashKey = String(map[start.upperBound...].prefix { $0 != "]" && $0 != "," })
      #expect(hashKey.count > 8)
      #expect(try cluster.run(["scale", "up", "--wait"] + admin).status == 0)
      #expect(try cluster.run(["put", "a", "b"] + admin).status == 0)

      let nodes = try user.send(.get, "/nodes", headers: bearer(token)).text
      let addresses = nodes.matches(of: /127\.0\.0\.1:[0-9]+/).map { String($0.output) }
      #expect(addresses.count == 2)
      var said = cluster.log + text(audit)
      for place in try [cluster.address] + addresses.map({ try SocketAddress($0) }) {
        for target in [
          "/", "/node_info", "/nodes", "/ring", "/metrics", "/module_info", "/whoami", "/status",
          "/locate/a", "/openapi.json", "/service.did", "/kv/a", "/cluster_map", "/scale",
          "/handle_event", "/nothing",
        ] {
          for shown in [bearer(token), bearer(credential + "x"), []] {
            for method in [HTTPMethod.get, .post] {
              let answer = try user.send(method, target, headers: shown, at: place)
              said += answer.text
              answer.headers.forEach { name, value in
                said += String(decoding: name + [0x3A] + value + [0x0A], as: UTF8.self)
              }
            }
          }
        }
      }
      for process in cluster.nodeProcesses {
        said += String(
          decoding: FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data(),
          as: UTF8.self)
      }
      let entries = FileManager.default.enumerator(atPath: cluster.directory.path)
      for case let name as String in entries ?? .init() where name.hasSuffix("log") {
        said += text(cluster.directory.path + "/" + name)
      }
      #expect(said.count > 10_000)
      for (what, secret) in [("token", token), ("credential", credential), ("key", hashKey)] {
        #expect(!said.contains(secret), "the \(what) is told")
      }
    }

    @Test("Who listens beyond loopback has to say who may do what")
    func beyondLoopback() throws {
      let open = ["node", "--data", path("node"), "--listen", "0.0.0.0:0", "--allow-plaintext"]
      let refused = try cluster.run(open, atURL: false)
      #expect(refused.status == 64)
      #expect(refused.output.contains("access-file"), "\(refused.output)")
      let wrong = try cluster.run(open + ["--anonymous", "admin"], atURL: false)
      #expect(wrong.output.contains("none, read or write"), "\(wrong.output)")
      try Data("ada write 1234\n".utf8).write(to: folder.appendingPathComponent("bad"))
      let bad = try cluster.run(open + ["--access-file", path("bad")], atURL: false)
      #expect(bad.status == 64)
      #expect(bad.output.contains("bad, line 1"), "\(bad.output)")
    }
  }
}
