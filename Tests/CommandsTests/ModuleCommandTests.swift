import ArgumentParser
import Candid
import Cluster
import ScaledStorageClient

import HTTPTransport
import ScaledStorage
import Testing

@testable import Commands
@testable import Gateway

struct ModuleCommandTests {
  private static let digest = String(repeating: "ab", count: 32)
  private static let older = String(repeating: "cd", count: 32)

  // MARK: - Arguments

  @Test(arguments: [
    "upload counter.wasm --candid counter.did --force --stub-imports --no-wait --json",
    "module list --json", "module rollback --no-wait", "module inspect", "module inspect a.wasm",
    "module inspect a.wasm.gz --candid a.did --stub-imports --json",
  ])
  func `what the help shows of modules is understood`(line: String) throws {
    _ = try RootCommand.parseAsRoot(line.split(separator: " ").map(String.init))
  }

  @Test(arguments: [
    "module forward", "upload", "upload a.wasm --candid", "module inspect --candid a.did",
    "module inspect --stub-imports", "module rollback now",
  ])
  func `wrong usage of modules ends with status 64`(line: String) throws {
    let error = #expect(throws: (any Error).self) {
      _ = try RootCommand.parseAsRoot(line.split(separator: " ").map(String.init))
    }
    #expect(error.map { RootCommand.exitCode(for: $0).rawValue } == 64)
  }

  @Test func `ss_uploader takes every option of upload`() throws {
    let line = ["a.wasm", "--candid", "a.did", "--force", "--stub-imports", "--no-wait"]
    let upload = try #require(try UploaderCommand.parseAsRoot(line) as? UploaderCommand).upload
    #expect(upload.candid == "a.did" && upload.force && upload.stubImports && upload.noWait)
  }

  // MARK: - Files

  /// A module with an update, a query and perhaps an import.
  private func module(importing name: String? = nil) -> [UInt8] {
    func string(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
    func section(_ id: UInt8, _ content: [UInt8]) -> [UInt8] {
      [id, UInt8(content.count)] + content
    }
    let imports = name.map { [1] + string("ic0") + string($0) + [0, 0] } ?? [0]
    let first: UInt8 = name == nil ? 0 : 1
    let exports =
      string("canister_update add") + [0, first] + string("canister_query get") + [0, first]
    return [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0] + section(1, [1, 0x60, 0, 0]) + section(2, imports)
      + section(3, [1, 0]) + section(7, [2] + exports) + section(10, [1, 2, 0, 0x0b])
  }

  @Test func `a module's file tells methods, keys, imports and its interface`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("a.wasm", module(importing: "msg_reply"))
    let candid = try folder.write(
      "a.did", Array("service : { add : (nat, key : text) -> (); get : () -> () query }".utf8))
    let file = try ModuleFile(path, candid: candid)
    let inspection = try ModuleInspection(file.embedded(stubsImports: false))
    #expect(inspection.problems.isEmpty && inspection.missingImports == [])
    #expect(inspection.imports == ["ic0.msg_reply"] && inspection.functions == 1)
    #expect(inspection.methods.map(\.name) == ["add", "get"])
    #expect(inspection.methods.map(\.key) == [1, nil])
    #expect(inspection.methods.map(\.keyless) == [false, true])
    #expect(inspection.sections?.map(\.name) == ["icp:public candid:service"])
    #expect(inspection.text.contains("argument 2") && inspection.text.contains("key : text"))
    #expect(inspection.sha256 != SHA256.hexadecimal(SHA256.digest(file.module.bytes)))
  }

  @Test func `imports that there are not are named, and stubbed on demand`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("a.wasm", module(importing: "global_timer_set"))
    let refused = try ModuleInspection(ModuleFile(path).embedded(stubsImports: false))
    #expect(refused.missingImports == ["ic0.global_timer_set"] && refused.problems.count == 1)
    #expect(refused.text.contains("refused: ic0.global_timer_set"))
    let stubbed = try ModuleInspection(ModuleFile(path).embedded(stubsImports: true))
    #expect(stubbed.problems.isEmpty && stubbed.stubsImports == true)
  }

  @Test func `files that are no module, or no interface, are refused with the place`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("a.wasm", module())
    let text = try folder.write("text", Array("no module".utf8))
    #expect(throws: CommandFailure.self) { try ModuleFile(text) }
    #expect(throws: CommandFailure.self) { try ModuleFile(path + ".none") }
    for source in ["service : {", "type a = nat;", "import \"b.did\"; service : {}"] {
      let candid = try folder.write("a.did", Array(source.utf8))
      let failure = #expect(throws: CommandFailure.self) { try ModuleFile(path, candid: candid) }
      #expect(failure?.message.contains("a.did") == true)
    }
  }

  @Test func `files may be as large as settings allow`() throws {
    let folder = try TemporaryFolder()
    let bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 20 << 20)
    let file = try ModuleFile(try folder.write("a.wasm", bytes))
    #expect(try file.embedded(stubsImports: true).bytes.count > bytes.count)
  }

  // MARK: - The roll

  private func info(
    nodes: [String?], rolling: Bool = true, halt: ModuleInfo.Halt? = nil
  ) -> ModuleInfo {
    func description(_ digest: String) -> ModuleInfo.Description {
      ModuleInfo.Description(
        sha256: digest, bytes: 1_234,
        methods: [ModuleInfo.Method(name: "add", kind: "update", key: 0, isKeyless: false)],
        candid: nil)
    }
    return ModuleInfo(
      wanted: description(Self.digest), previous: description(Self.older),
      accepted: [Self.digest, Self.older],
      nodes: zip([Principal.node1, .node2], nodes).map {
        ModuleInfo.Node(id: $0, state: "member", sha256: $1)
      }, isRolling: rolling, halt: halt)
  }

  /// Waits for a server that answers one of `infos` after the other; nil answers 404.
  private func wait(
    _ infos: [ModuleInfo?], patience: Double = 5, digest: String = digest
  ) throws -> ModuleInfo? {
    try with(infos) { try ModuleRoll(connection: $0, patience: patience).wait(for: digest) }
  }

  private func with<Result>(
    _ infos: [ModuleInfo?], _ body: (ClusterEngine) throws -> Result
  ) throws -> Result {
    let loop = try EventLoop()
    var left = infos[...]
    let server = try FakeServer(loop) { exchange in
      let next = left.count > 1 ? left.removeFirst() : left.first ?? nil
      guard let next, let body = try? CandidArguments.encode(next) else {
        exchange.status = 404
        return
      }
      exchange.setHeader("content-type", "application/candid")
      exchange.setBody(body)
    }
    defer { server.close() }
    var settings = ClusterEngine.Settings(endpoint: try HTTPEndpoint("http://\(server.address)"))
    settings.timeout = .seconds(10)
    return try body(ClusterEngine(loop: loop, settings))
  }

  private func halt(_ attempts: UInt64) -> ModuleInfo.Halt {
    ModuleInfo.Halt(node: .node2, reason: "no library here", attempts: attempts, retryIn: 2_000)
  }

  @Test func `the roll is over when the gateway says so`() throws {
    let done = try wait([
      info(nodes: [Self.older, Self.older]), info(nodes: [Self.digest, Self.older], halt: halt(1)),
      info(nodes: [Self.digest, Self.digest], rolling: false),
    ])
    let outcome = ModuleOutcome(sha256: Self.digest, bytes: 1_234, done)
    #expect(outcome.text("") == "module abababababab (1,234 bytes) is on all 2 nodes: add\n")
    #expect(try wait([nil]) == nil)
    let unseen = ModuleOutcome(sha256: Self.digest, bytes: 1_234, nil)
    #expect(unseen.text("is uploaded") == "module abababababab (1,234 bytes) is uploaded\n")
  }

  @Test func `a node is not asked for the cluster's modules`() throws {
    let failure = #expect(throws: CommandFailure.self) {
      try with([nil]) { try ModuleRoll.gatewayInfo($0) }
    }
    #expect(failure?.message.contains("gateway") == true)
  }

  @Test func `a roll that halts, stands still or is overtaken fails with the reason`() throws {
    let halted = #expect(throws: CommandFailure.self) {
      try wait([info(nodes: [Self.digest, Self.older], halt: halt(2))])
    }
    #expect(halted?.message.contains("no library here") == true)
    #expect(halted?.message.contains("1 of 2 nodes") == true)
    let still = #expect(throws: CommandFailure.self) {
      try wait([info(nodes: [Self.digest, nil])], patience: 0)
    }
    #expect(still?.message.contains(Principal.node2.text) == true)
    let overtaken = #expect(throws: CommandFailure.self) {
      try wait([info(nodes: [Self.digest, nil])], digest: Self.older)
    }
    #expect(overtaken?.message.contains("another module") == true)
  }

  @Test func `the list shows modules, nodes, and why a roll stands still`() {
    let text = ModuleListCommand.text(info(nodes: [Self.digest, nil], halt: halt(3)))
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines[1].hasPrefix("abababababab  wanted") && lines[2].hasPrefix("cdcdcdcdcdcd"))
    #expect(text.contains("member  abababababab\n") && text.contains("member  -\n"))
    #expect(text.contains("no library here") && text.contains("1 of 2 nodes have it"))
    let none = ModuleInfo(
      wanted: nil, previous: nil, accepted: [], nodes: [], isRolling: false, halt: nil)
    #expect(ModuleListCommand.text(none).contains("no module"))
  }
}
