import Candid
import Cluster
import HTTPTransport
import Logging
import Storage
import Testing
import WasmRuntime
import WireProtocol

@testable import ScaledStorage

/// One node with a module, in memory, on a loop of its own.
final class ModuleNode {
  let loop: EventLoop
  let client: HTTPClient
  let runtime: NodeRuntime
  let server: NodeServer
  let address: SocketAddress

  /// - Parameter text: the module, in WebAssembly's text format; nil for the one that is stored.
  init(
    _ text: String?, candid: String? = nil, store: MemoryEngine = MemoryEngine(),
    settings: NodeRuntime.Settings = NodeRuntime.Settings()
  ) throws {
    loop = try EventLoop()
    client = HTTPClient(loop: loop)
    runtime = try NodeRuntime(
      loop: loop, store: store, access: AccessControl(Credentials(.random())), settings: settings,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
    address = try server.listen(on: .loopback())
    runtime.address = address.description
    if !runtime.isInitialised {
      try wait { runtime.initialise(InitCanisterManagerParam(args: nil), $0) }
    }
    if let text { try install(text, candid: candid) }
  }

  static func module(_ text: String, candid: String? = nil) throws -> Module {
    let path = try #require(
      LibraryPath.found, "Wasmtime is missing; run deploy/wasmtime, as deploy/check does")
    let module = Module(try WasmEngine(libraryPath: path).assemble(text))
    return try module.embedding(candid: candid, stubsImports: false, limit: .max)
  }

  func install(_ text: String, candid: String? = nil) throws {
    let module = try ModuleNode.module(text, candid: candid)
    for var chunk in module.chunks {
      // Tests change methods as they like.
      chunk.force = true
      try wait { runtime.initWasm(chunk, $0) }
    }
    #expect(runtime.nodeInfo.moduleSHA256 == SHA256.hexadecimal(module.digest))
  }

  /// Runs the loop until `body` calls what it is given.
  private func wait<Failure: Error>(
    _ body: (@escaping (Result<Void, Failure>) -> Void) -> Void
  ) throws {
    var result: Result<Void, Failure>?
    body { [loop] in
      result = $0
      loop.stop()
    }
    if result == nil { loop.run() }
    try #require(result).get()
  }

  func send(
    _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [],
    _ headers: [(name: String, value: String)] = []
  ) throws -> ClientResponse {
    let request = ClientRequest(method: method, target: target, headers: headers, body: body)
    return try client.sendAndWait(request, to: address, deadline: .seconds(60))
  }

  /// Calls a method with arguments in Candid's text format, in the given representation.
  func call(
    _ name: String, _ arguments: String, _ form: Representation = .candid,
    _ headers: [(name: String, value: String)] = []
  ) throws -> ClientResponse {
    let values = try CandidText.parseArguments(arguments)
    let body =
      switch form {
      case .candid: try CandidBinary.encode(values)
      case .text: Array(arguments.utf8)
      case .json: CandidJSON.writeArguments(values)
      }
    return try send(
      .post, "/" + name, body, [("content-type", "\(form.contentType)")] + headers)
  }

  /// What stands under a key.
  func record(_ key: String) throws -> Record? {
    var record: Record?
    try wait { (done: @escaping (Result<Void, ClusterError>) -> Void) in
      runtime.node.execute(.get, key: Array(key.utf8)) { reply in
        if case .value(let found) = reply { record = found }
        done(.success(()))
      }
    }
    return record
  }
}
