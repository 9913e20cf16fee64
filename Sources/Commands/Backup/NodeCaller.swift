import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import WireProtocol

/// A member of the ring, and where it answers.
struct NodePlace: Hashable {
  let id: Principal
  let address: SocketAddress
}

/// Why a node did not do what it was asked for.
struct NodeRefusal: Error {
  let message: String
  /// Whether it may do it a little later, or another node may.
  let isPassing: Bool

  var failure: CommandFailure { CommandFailure(message) }
}

/// The ring as the gateway tells it to who knows the credential, and calls of the nodes' control
/// methods.
struct NodeCaller {
  let connection: ClusterEngine

  /// The ring and what places keys.
  func ring() throws(CommandFailure) -> (map: ClusterMap, isSettled: Bool) {
    let ring: RingDescription = try connection.perform(.query("ring")).ofGateway().result()
    guard let map = ring.placement else {
      throw CommandFailure(
        "the gateway tells where keys lie to who knows the cluster's credential only; name its "
          + "file with --credential-file")
    }
    return (map, ring.isSettled)
  }

  func places(of map: ClusterMap) throws(CommandFailure) -> [NodePlace] {
    var places: [NodePlace] = []
    for node in map.members {
      guard let text = map.addresses[node] else {
        throw CommandFailure("the gateway knows no address of \(node.text) yet; try again")
      }
      do throws(TransportError) {
        places.append(NodePlace(id: node, address: try SocketAddress(resolving: text)))
      } catch {
        throw CommandFailure("\(node.text) has an address that cannot be used: \(error.message)")
      }
    }
    return places
  }

  /// Calls a method that may be called twice. `completion` is called once, never within the call.
  func call<Argument: CandidConvertible, Value: CandidConvertible>(
    _ method: ControlMethod, _ argument: Argument, at node: NodePlace, as type: Value.Type,
    _ completion: @escaping (Result<Value, NodeRefusal>) -> Void
  ) {
    send(method, argument, at: node) { result in
      completion(
        result.flatMap { reply in
          do throws(CandidError) {
            return .success(try CandidArguments.decode(reply.body, as: type))
          } catch {
            return .failure(
              NodeRefusal(
                message: "the answer of \(node.id.text) cannot be read: \(error.message)",
                isPassing: false))
          }
        })
    }
  }

  /// The same of a method without results.
  func call<Argument: CandidConvertible>(
    _ method: ControlMethod, _ argument: Argument, at node: NodePlace,
    _ completion: @escaping (Result<Void, NodeRefusal>) -> Void
  ) {
    send(method, argument, at: node) { completion($0.map { _ in }) }
  }

  private func send<Argument: CandidConvertible>(
    _ method: ControlMethod, _ argument: Argument, at node: NodePlace,
    _ completion: @escaping (Result<ClusterReply, NodeRefusal>) -> Void
  ) {
    // An argument has no value that its type cannot hold.
    let body = (try? CandidArguments.encode(argument)) ?? []
    let request = ClusterRequest(
      method: .post, target: "/" + method.rawValue,
      headers: [
        ("content-type", "application/candid"), ("accept", "application/candid"),
        ("ss-node", node.id.text),
      ], body: body)
    connection.send(request, to: node.address) { result in
      completion(NodeCaller.judge(result, node.id))
    }
  }

  private static func judge(
    _ result: Result<ClusterReply, ClientError>, _ node: Principal
  ) -> Result<ClusterReply, NodeRefusal> {
    switch result {
    case .failure(let error):
      return .failure(
        NodeRefusal(message: "\(node.text): \(error.description)", isPassing: true))
    case .success(let reply) where reply.isSuccess:
      return .success(reply)
    case .success(let reply):
      let problem = reply.problem
      let isPassing =
        switch (reply.status, problem.code) {
        case (404, "unknown_method"), (409, "backup_busy"): false
        case (404, _), (409, _), (500, "outcome_unknown"), (502...504, _): true
        default: false
        }
      return .failure(
        NodeRefusal(message: "\(node.text): \(problem.sentence)", isPassing: isPassing))
    }
  }
}

/// Spreads what is sent or fetched over time.
final class TransferPace {
  private let loop: EventLoop
  /// Bytes a second; 0 is without bound.
  private let rate: UInt64
  private var readyAt = MonotonicTime.current()

  init(_ loop: EventLoop, bytesPerSecond rate: UInt64) {
    self.loop = loop
    self.rate = rate
  }

  /// Calls `body` when `count` more bytes may go, never within this call.
  func wait(for count: Int, _ body: @escaping () -> Void) {
    let now = MonotonicTime.current()
    if rate == 0 || readyAt <= now { readyAt = now }
    let pause = readyAt - now
    if rate > 0 { readyAt = readyAt + .seconds(Double(count) / Double(rate)) }
    loop.schedule(after: pause, body)
  }
}
