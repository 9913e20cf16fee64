import Foundation
import HTTPTransport
import Testing

/// The modules of `Sources/Modules`, built by `deploy/modules`.
enum Modules {
  static let folder: URL = {
    let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let folder = top.appendingPathComponent(".build/modules")
    let environment = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
    // Quick where they are there already.
    let build = try? ProcessWatcher.spawn(
      executable: top.appendingPathComponent("deploy/modules").path, arguments: [folder.path],
      environment: environment, standardOutput: .descriptor(2), standardError: .descriptor(2))
    if let build { while waitpid(build, nil, 0) < 0, errno == EINTR {} }
    return folder
  }()

  static func path(_ name: String) -> String {
    folder.appendingPathComponent("\(name).wasm").path
  }
}

extension RunningCluster {
  /// Runs a command that needs the credential.
  func control(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let credential = directory.appendingPathComponent("credential").path
    return try run(arguments + ["--credential-file", credential])
  }
}

extension HTTPUser {
  /// Calls a method with arguments in Candid's text form.
  func call(
    _ method: String, _ arguments: String, headers: [(name: String, value: String)] = []
  ) throws -> ClientResponse {
    try send(
      .post, "/\(method)", body: arguments, headers: [("content-type", "text/candid")] + headers)
  }
}

extension EndToEnd {
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct ModulesOfACluster {
    private static let keys = 40

    private func succeeds(
      _ outcome: (status: Int32, output: String), _ location: SourceLocation = #_sourceLocation
    ) {
      #expect(outcome.status == 0, "\(outcome.output)", sourceLocation: location)
    }

    /// Adds to every counter, expects its sum, and tells which nodes answered.
    private func add(_ amount: Int, expecting sum: Int, _ user: HTTPUser) throws -> Set<String> {
      var nodes: Set<String> = []
      for key in 0..<Self.keys {
        let response = try user.call("add", "(\"counter-\(key)\", \(amount))")
        #expect(response.text == "(\(sum) : nat64)\n")
        #expect(response.header("etag") != nil)
        #expect(response.header("ss-fuel").flatMap(Int.init) ?? 0 > 0)
        nodes.insert(response.header("ss-node") ?? "")
      }
      return nodes
    }

    private func cluster(nodes: Int) throws -> (RunningCluster, HTTPUser) {
      let cluster = try RunningCluster()
      let user = try HTTPUser(cluster.address)
      for _ in 1..<nodes { succeeds(try cluster.control(["scale", "up"])) }
      _ = try user.settledRing(members: nodes)
      return (cluster, user)
    }

    @Test("A module runs at the owners of the keys, is upgraded, and is rolled back")
    func aModuleRunsIsUpgradedAndRolledBack() throws {
      let (cluster, user) = try cluster(nodes: 2)
      defer { cluster.remove() }
      succeeds(try cluster.control(["upload", Modules.path("counter")]))
      #expect(try add(2, expecting: 2, user).count == 2)

      // The same interface in another language: callers go on.
      succeeds(try cluster.control(["upload", Modules.path("counter-c")]))
      #expect(try add(3, expecting: 5, user).count == 2)

      // Callers of `add` would break.
      let refused = try cluster.control(["upload", Modules.path("append-log")])
      #expect(refused.status == 1)
      #expect(refused.output.contains("interface_changed"), "\(refused.output)")
      #expect(try add(1, expecting: 6, user).count == 2)

      succeeds(try cluster.control(["upload", Modules.path("append-log"), "--force"]))
      #expect(try user.call("add", "(\"counter-0\", 1)").status == 404)
      let taken = try user.call("append", "(\"counter-0\", blob \"entry\")")
      #expect(taken.status == 422)
      #expect(taken.header("ss-error") == "module_rejected")

      succeeds(try cluster.control(["module", "rollback"]))
      #expect(try add(4, expecting: 10, user).count == 2)
      let list = try cluster.run(["module", "list"])
      succeeds(list)
      #expect(list.output.contains("add, get, reset"), "\(list.output)")
      // A new node has the module before it serves.
      succeeds(try cluster.control(["scale", "up"]))
      _ = try user.settledRing(members: 3)
      #expect(try add(1, expecting: 11, user).count == 3)
    }

    @Test("A call that is rejected, or whose condition fails, leaves the value as it was")
    func whatFailsChangesNothing() throws {
      let (cluster, user) = try cluster(nodes: 1)
      defer { cluster.remove() }
      succeeds(try cluster.control(["upload", Modules.path("counter")]))
      let added = try user.call("add", "(\"visits\", 7)")
      let etag = try #require(added.header("etag"))

      let overflow = try user.call("add", "(\"visits\", 18_446_744_073_709_551_615)")
      #expect(overflow.status == 422)
      #expect(overflow.text.contains("the counter would exceed 64 bits"))
      #expect(try user.call("add", "(\"visits\", \"7\")").status == 400)
      let stale = try user.call("add", "(\"visits\", 1)", headers: [("if-match", "\"1\"")])
      #expect(stale.status == 412)
      let value = try user.send(.get, "/kv/visits")
      #expect(value.body == [7, 0, 0, 0, 0, 0, 0, 0])
      #expect(value.header("etag") == etag)

      let fresh = try user.call("add", "(\"visits\", 1)", headers: [("if-match", etag)])
      #expect(fresh.text == "(8 : nat64)\n")
    }

    @Test("The append log keeps entries in order, gives parts of them, and tells when it is full")
    func theAppendLogKeepsEntries() throws {
      let (cluster, user) = try cluster(nodes: 1)
      defer { cluster.remove() }
      succeeds(try cluster.control(["upload", Modules.path("append-log")]))
      for entry in 0..<20 {
        let response = try user.call("append", "(\"log\", blob \"entry \(entry)\")")
        #expect(response.text == "(\(entry + 1) : nat64)\n")
      }
      func read(_ from: UInt64, _ count: UInt64) throws -> String {
        try user.call("read", "(\"log\", \(from), \(count))").text
      }
      #expect(try read(0, 2) == "(vec { blob \"entry 0\"; blob \"entry 1\" })\n")
      #expect(try read(18, .max) == "(vec { blob \"entry 18\"; blob \"entry 19\" })\n")
      #expect(try read(20, 1) == "(vec {})\n")

      let large = String(repeating: "x", count: 600_000)
      #expect(try user.call("append", "(\"log\", blob \"\(large)\")").status == 200)
      let full = try user.call("append", "(\"log\", blob \"\(large)\")")
      #expect(full.status == 422)
      #expect(full.text.contains("the log is full"))
      #expect(try read(19, 1) == "(vec { blob \"entry 19\" })\n")
      #expect(try user.call("clear", "(\"log\")").text == "()\n")
      #expect(try read(0, 1) == "(vec {})\n")
    }
  }
}
