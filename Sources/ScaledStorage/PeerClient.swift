package import Candid
package import Cluster
package import HTTPTransport
import Placement
import WasmRuntime
package import WireProtocol

/// Sends control messages to nodes, in Candid, with the cluster's credential and, over TLS, its
/// certificate.
package final class PeerClient {
  package typealias Completion = (Result<Void, ClusterError>) -> Void

  package let client: HTTPClient
  private let credentials: Credentials
  private let compressesMigrations: Bool
  /// Nodes of older programs, which take keys only as they are.
  private var plainNodes: Set<Principal> = []

  private static let deadline = Duration.seconds(10)
  /// How long the other side may compile a module: its last chunk is answered after that.
  private var compileTime = WasmLimits().compileTime
  private var moduleDeadline: Duration { compileTime + .seconds(15) }

  package init(
    loop: EventLoop, credentials: Credentials, tls: TLSContext? = nil,
    compressesMigrations: Bool = false
  ) {
    var limits = ClientLimits()
    limits.tellsDeadline = true
    client = HTTPClient(loop: loop, limits: limits, tls: tls)
    self.credentials = credentials
    self.compressesMigrations = compressesMigrations
  }

  /// Lets the other side compile modules for as long as `loader` may.
  package func allowTime(of loader: ModuleLoader) {
    compileTime = loader.limits.compileTime
  }

  package func shutdown() {
    client.shutdown()
  }

  package func send(
    _ event: CanisterManagerEvent, to node: Principal, at address: String, epoch: UInt64,
    _ completion: @escaping Completion
  ) {
    guard case .migrate = event, compressesMigrations, !plainNodes.contains(node) else {
      return call(.handleEvent, event, to: node, at: address, epoch: epoch, completion)
    }
    call(.handleEvent, event, to: node, at: address, epoch: epoch, isCompressed: true) {
      [weak self] result in
      // An older program takes the compressed bytes for bad arguments.
      if case .failure(let error) = result, error.code == .malformed {
        self?.plainNodes.insert(node)
      }
      completion(result)
    }
  }

  package func initialise(
    _ node: Principal, map: ClusterMap, at address: String, _ completion: @escaping Completion
  ) {
    let param = InitCanisterManagerParam(
      args: InstallArgs(allNodes: map.members.map(\.text), node: node, map: map))
    call(
      .initCanisterManager, param, to: node, at: address, epoch: map.ring.epoch,
      completion)
  }

  /// Asks the instance at `address`, whose node is not in the map any more, to forget it.
  package func retire(
    _ node: Principal, map: ClusterMap, at address: String, _ completion: @escaping Completion
  ) {
    call(.retireNode, map, to: node, at: address, epoch: map.ring.epoch, completion)
  }

  /// Tells a node to start again.
  /// - Parameter incarnation: the one that is meant: another has started again already.
  package func restart(
    _ node: Principal, incarnation: UInt64?, at address: String,
    _ completion: @escaping Completion
  ) {
    call(
      .restartNode, RestartOrder(incarnation: incarnation), to: node, at: address, epoch: nil,
      completion)
  }

  package func upload(
    _ chunk: WasmInitArgs, to node: Principal, at address: String,
    _ completion: @escaping Completion
  ) {
    call(
      .initWasm, chunk, to: node, at: address, epoch: nil, within: moduleDeadline,
      completion)
  }

  /// Sends a chunk of a module that came to a node to the gateway.
  package func relay(
    _ chunk: WasmInitArgs, to address: String,
    _ completion: @escaping (Result<ClientResponse, TransportError>) -> Void
  ) {
    do throws(TransportError) {
      // A chunk has no value that its type cannot hold.
      let body = (try? CandidArguments.encode(chunk)) ?? []
      let request = ClientRequest(
        method: .post, target: "/" + ControlMethod.initWasm.rawValue,
        headers: [
          ("content-type", "application/candid"), ("accept", "application/json"),
          ("authorization", credentials.used.headerValue),
        ], body: body)
      client.send(
        request, to: try SocketAddress(address), deadline: moduleDeadline, completion)
    } catch {
      completion(.failure(error))
    }
  }

  /// Fetches the map in force from the gateway that hosts the coordinator.
  package func fetchMap(
    from address: String, _ completion: @escaping (ClusterMap?) -> Void
  ) {
    guard let address = try? SocketAddress(address) else { return completion(nil) }
    let request = ClientRequest(
      method: .get, target: "/cluster_map",
      headers: [("accept", "application/candid"), ("authorization", credentials.used.headerValue)])
    client.send(request, to: address, deadline: PeerClient.deadline) { result in
      guard case .success(let response) = result, response.status == 200 else {
        return completion(nil)
      }
      completion(try? CandidArguments.decode(response.body, as: ClusterMap.self))
    }
  }

  private func call<Argument: CandidConvertible>(
    _ method: ControlMethod, _ argument: Argument, to node: Principal, at address: String,
    epoch: UInt64?, isCompressed: Bool = false, within deadline: Duration = PeerClient.deadline,
    _ completion: @escaping Completion
  ) {
    let name = method.rawValue
    do {
      var body = try CandidArguments.encode(argument)
      var headers = [
        ("content-type", "application/candid"), ("accept", "application/json"),
        ("authorization", credentials.used.headerValue), ("ss-node", node.text),
      ]
      if let epoch { headers.append(("ss-epoch", String(epoch))) }
      if isCompressed, let smaller = Deflate.compressed(body) {
        body = smaller
        headers.append(("content-encoding", "deflate"))
      }
      let request = ClientRequest(
        method: .post, target: "/" + name, headers: headers, body: body)
      client.send(request, to: try SocketAddress(address), deadline: deadline) { result in
        completion(PeerClient.outcome(result, node: node, method: name))
      }
    } catch {
      completion(
        .failure(ClusterError(.malformed, "\(name) cannot be sent to \(node.text): \(error)")))
    }
  }

  private static func outcome(
    _ result: Result<ClientResponse, TransportError>, node: Principal, method: String
  ) -> Result<Void, ClusterError> {
    switch result {
    case .failure(let error):
      return .failure(
        ClusterError(.overloaded, "\(node.text) did not answer \(method): \(error.message)"))
    case .success(let response) where response.status == 200:
      return .success(())
    case .success(let response):
      let detail = Problem(answer: response).detail
      let code = response.header("ss-error").flatMap(ClusterError.Code.init(rawValue:))
      let isRefused = response.status == 400 || response.status == 415
      return .failure(
        ClusterError(
          code ?? (isRefused ? .malformed : .conflict),
          "\(method) was answered \(response.status): \(detail)"))
    }
  }
}

/// The methods by which a cluster controls its nodes.
package enum ControlMethod: String, CaseIterable, Sendable {
  case handleEvent = "handle_event"
  case initWasm = "init_wasm"
  case initCanisterManager = "init_canister_manager"
  case retireNode = "retire_node"
  case restartNode = "restart_node"
  case backupBegin = "backup_begin"
  case backupRead = "backup_read"
  case backupEnd = "backup_end"
  case backupSum = "backup_sum"
  case restoreRecords = "restore_records"
}
