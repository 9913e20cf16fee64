import Candid
import Cluster
import Etcd
import HTTPTransport
import Logging
import Placement
import ScaledStorage
import Storage
import Testing
import WireProtocol

@testable import ScaledStorageService

/// A node in memory that registers in etcd, on a loop of its own: while that does not run, the node
/// is what a process is that was stopped.
final class RegisteredNode {
  let loop: EventLoop
  let runtime: NodeRuntime
  private let server: NodeServer
  private let client: HTTPClient
  private let address: SocketAddress
  let registrar: NodeRegistrar

  static let id = Principal.canister(number: 1)

  /// - Parameter process: what tells the node's process from others.
  init(_ endpoints: [String], process: String, map: ClusterMap?) throws {
    loop = try EventLoop()
    client = HTTPClient(loop: loop)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    runtime = try NodeRuntime(
      loop: loop, store: MemoryEngine(), access: AccessControl(Credentials(.random())),
      settings: NodeRuntime.Settings(), logger: logger)
    server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
    address = try server.listen(on: .loopback())
    runtime.address = address.description
    registrar = NodeRegistrar(
      runtime, EtcdSettings(endpoints: endpoints), EtcdKeys(cluster: "test"), loop: loop,
      logger: logger, process: process, leaseSeconds: 5)
    registrar.start()
    let map =
      try map
      ?? ClusterMap.founding(
        RegisteredNode.id, address: address.description, hashKey: .random(), capacity: 16)
    let arguments = InstallArgs(allNodes: [], node: RegisteredNode.id, map: map)
    runtime.initialise(InitCanisterManagerParam(args: arguments)) { [loop] _ in loop.stop() }
    loop.run()
    try #require(runtime.isInitialised)
  }

  func send(_ method: HTTPMethod, _ target: String) throws -> ClientResponse {
    try client.sendAndWait(
      ClientRequest(method: method, target: target, body: method == .put ? [1] : []), to: address,
      deadline: .seconds(20))
  }

  /// Asks until the answer has this status; the test's time limit bounds it.
  func wait(for status: Int, _ target: String = "/kv/x") throws {
    while try send(.get, target).status != status {}
  }

  /// Ends the registration, as a node does that ends in an orderly way.
  func stop() {
    registrar.stop { [loop] in loop.stop() }
    loop.run()
  }
}
