import Candid
import Cluster
import ClusterTestKit
import HTTPTransport
import HostileModules
import Logging
import Storage
import Testing
import WasmRuntime
import WireProtocol

@testable import ScaledStorage

/// A node of its own on the test's loop, as clients see it.
private final class HostileNode {
  let loop: EventLoop
  private let credential = Credential.random()
  private let runtime: NodeRuntime
  private let server: NodeServer
  private let client: HTTPClient
  private let address: SocketAddress

  init() throws {
    loop = try EventLoop()
    var settings = NodeRuntime.Settings()
    // What is measured here is not how much fuel there is.
    settings.fuelBudget = 1_000_000_000_000
    runtime = try NodeRuntime(
      loop: loop, store: MemoryEngine(), access: AccessControl(Credentials(credential)),
      settings: settings,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
    client = HTTPClient(loop: loop)
    address = try server.listen(on: .loopback())
    runtime.address = "\(address)"
    let founding = try CandidArguments.encode(InitCanisterManagerParam(args: nil))
    #expect(try control("init_canister_manager", founding).status == 200)
  }

  func close() {
    client.shutdown()
    server.shutdown(within: .zero) { [loop] in loop.stop() }
    loop.run()
  }

  private func control(_ method: String, _ body: [UInt8]) throws -> ClientResponse {
    try send(
      .post, "/" + method, body,
      [
        ("authorization", credential.headerValue), ("content-type", "application/candid"),
      ])
  }

  func send(
    _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [],
    _ headers: [(name: String, value: String)] = []
  ) throws -> ClientResponse {
    let headers =
      headers.isEmpty && method == .post
      ? [(name: "content-type", value: "application/candid")] : headers
    return try client.sendAndWait(
      ClientRequest(method: method, target: target, headers: headers, body: body), to: address,
      deadline: .seconds(60))
  }

  /// The code of a refusal; nil when the module was taken.
  func upload(_ bytes: [UInt8]) throws -> String? {
    for var chunk in Module(bytes).chunks {
      chunk.force = true
      let answer = try control("init_wasm", try CandidArguments.encode(chunk))
      guard answer.status != 200 else { continue }
      #expect((400..<500).contains(answer.status))
      return code(answer)
    }
    return nil
  }

  func code(_ answer: ClientResponse) -> String? {
    struct Document: CandidRecord {
      var code: String
      var detail: String
      static let candidFields = CandidFields(
        Document.init(code:detail:), CandidMember("code", \.code), CandidMember("detail", \.detail))
    }
    let document = try? CandidArguments.decode(answer.body, as: Document.self)
    #expect(document?.detail.isEmpty == false)
    return document?.code
  }

  func value(_ key: String) throws -> [UInt8]? {
    let answer = try send(.get, "/kv/" + key)
    return answer.status == 200 ? answer.body : nil
  }

  func set(_ key: String, _ text: String) throws {
    #expect([200, 201].contains(try send(.put, "/kv/" + key, Array(text.utf8)).status))
  }

  func call(_ method: String, key: String) throws -> ClientResponse {
    try send(.post, "/" + method, try CandidArguments.encode(key))
  }

  /// Good methods and plain requests do what they do without harm.
  func expectGood(sourceLocation: SourceLocation = #_sourceLocation) throws {
    try set("other", "untouched")
    #expect(
      try call(HostileModule.good, key: "good").status == 200, sourceLocation: sourceLocation)
    #expect(
      try call(HostileModule.peek, key: "good").status == 200, sourceLocation: sourceLocation)
    #expect(
      try value("good") == Array(HostileModule.changed.utf8), sourceLocation: sourceLocation)
    #expect(try value("other") == Array("untouched".utf8), sourceLocation: sourceLocation)
  }
}

@Suite struct HostileServers {
  private func assemble(_ text: String) throws -> [UInt8] {
    let path = try #require(
      LibraryPath.found, "Wasmtime is missing; run deploy/wasmtime, as deploy/check does")
    return try WasmEngine(libraryPath: path).assemble(text)
  }

  @Test(
    "A call that means harm gets a typed error, and others are served",
    arguments: HostileModule.methods)
  func calls(_ hostile: HostileModule) throws {
    let node = try HostileNode()
    defer { node.close() }
    #expect(try node.upload(assemble(hostile.text)) == nil)
    try node.set("k", "old")
    let before = try node.send(.get, "/kv/k").header("etag")
    for _ in 0..<min(hostile.calls, 30) {
      let answer = try node.call(HostileModule.harmful, key: "k")
      guard case .fails(let codes) = hostile.outcome else { continue }
      #expect(codes.contains(node.code(answer) ?? "none"), "\(node.code(answer) ?? "none")")
      #expect((400..<600).contains(answer.status))
      #expect(answer.header("ss-node") != nil)
      #expect(try node.value("k") == Array("old".utf8))
      #expect(try node.send(.get, "/kv/k").header("etag") == before)
    }
    try node.expectGood()
  }

  @Test("A module that is refused leaves the one that runs, and its calls")
  func refusals() throws {
    let node = try HostileNode()
    defer { node.close() }
    let good = try #require(HostileModule.methods.first { $0.name == "unreachable" })
    #expect(try node.upload(assemble(good.text)) == nil)
    for hostile in HostileModule.loads {
      guard case .refused(let codes) = hostile.outcome else { continue }
      let code = try node.upload(assemble(hostile.text))
      #expect(codes.contains(code ?? "taken"), "\(hostile.name): \(code ?? "taken")")
      try node.expectGood()
    }
    for hostile in HostileBytes.all where hostile.isRefused {
      let code = try node.upload(hostile.bytes)
      #expect(["not_wasm", "bad_module"].contains(code), "\(hostile.name): \(code ?? "taken")")
    }
    try node.expectGood()
  }

  @Test("A module that harms as it starts is refused or does none")
  func starts() throws {
    let node = try HostileNode()
    defer { node.close() }
    for hostile in HostileModule.forms where hostile.outcome == .contained {
      let code = try node.upload(assemble(hostile.text))
      let expected = [nil, "bad_module", "not_wasm", "interface_changed"]
      #expect(expected.contains(code), "\(hostile.name)")
      try node.set("k", "old")
      // Whichever module runs now: its methods succeed, or fail in a way that has a name.
      for method in [HostileModule.harmful, HostileModule.good, HostileModule.peek] {
        let answer = try node.call(method, key: "k")
        #expect(answer.status == 200 || node.code(answer) != nil, "\(hostile.name)")
      }
      #expect(try node.send(.put, "/kv/k", Array("new".utf8)).status == 200)
    }
  }

  @Test(
    "Arguments that were changed by chance are refused or taken, and never crash", arguments: 0..<4)
  func arguments(seed: Int) throws {
    let node = try HostileNode()
    defer { node.close() }
    let harmless = try #require(HostileModule.methods.first { $0.name == "unreachable" })
    #expect(try node.upload(assemble(harmless.text)) == nil)
    let types = ["application/candid", "text/candid", "application/json", "image/png"]
    let bodies = [
      try CandidArguments.encode("key", [1, 2, 3] as [UInt8]),
      Array("(\"key\", blob \"abc\")".utf8),
      Array("[\"key\", [1, 2, 3]]".utf8), [],
    ]
    var generator = SplitMix64(seed: UInt64(seed))
    var succeeded = 0
    for _ in 0..<250 {
      let form = Int.random(in: 0..<types.count, using: &generator)
      var body = bodies[form]
      for _ in 0..<Int.random(in: 0...4, using: &generator) where !body.isEmpty {
        let place = Int.random(in: 0..<body.count, using: &generator)
        let byte = UInt8.random(in: 0...255, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: body.remove(at: place)
        case 1: body.insert(byte, at: place)
        case 2: body.insert(contentsOf: Array(repeating: byte, count: Int(byte) * 9), at: place)
        default: body[place] = byte
        }
      }
      let method = [HostileModule.good, HostileModule.peek].randomElement(using: &generator)
      let answer = try node.send(
        .post, "/" + (method ?? ""), body, [("content-type", types[form])])
      #expect(answer.status == 200 || (400..<500).contains(answer.status))
      if answer.status == 200 { succeeded += 1 }
    }
    #expect(succeeded > 10)
    try node.expectGood()
  }

  @Test("A method that never ends rests after some calls, and leaves time to others")
  func resting() throws {
    let node = try HostileNode()
    defer { node.close() }
    let endless = try #require(HostileModule.methods.first { $0.name == "an endless loop" })
    #expect(try node.upload(assemble(endless.text)) == nil)
    var answers: [ClientResponse] = []
    repeat {
      answers.append(try node.call(HostileModule.harmful, key: "k"))
    } while answers.last?.status == 500 && answers.count < 10_000
    #expect(answers.last?.status == 429)
    #expect(answers.last?.header("retry-after") != nil)
    #expect(answers.last.flatMap { node.code($0) } == "module_resting")
    try node.expectGood()
  }
}
