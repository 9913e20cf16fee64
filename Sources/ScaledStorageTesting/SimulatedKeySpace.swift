import Candid
import Cluster
import ClusterTestKit
import ScaledStorage

/// The keys of the cluster as the methods and hooks of one node reach them.
final class SimulatedKeySpace: KeySpace, @unchecked Sendable {
  // Unchecked: what is not the executor's or the tally's is used on the thread that drives the
  // cluster only.
  private let service: NodeService
  private weak var bed: TestBed?
  private let executor: HandlerExecutor
  private let tally: HandlerTally

  init(_ service: NodeService, _ bed: TestBed) {
    self.service = service
    self.bed = bed
    executor = bed.executor
    tally = bed.tally
  }

  var now: UInt64 { service.node.moment.wall }
  var node: Principal { service.node.map == nil ? .anonymous : service.node.id }
  var members: [Principal] { service.node.map?.members ?? [] }
  var maximumValueBytes: Int { TestBed.maximumValueBytes }

  func isQuery(_ method: String) -> Bool {
    service.application.methods[method]?.isQuery ?? false
  }

  func execute(
    _ command: @escaping @Sendable () -> KeyCommand, key: [UInt8],
    _ completion: @escaping @Sendable (KeyReply) -> Void
  ) {
    tally.operationBegan()
    executor.run { [self] in
      service.execute(command(), key: key) { [tally] reply in
        tally.operationEnded()
        completion(reply)
      }
    }
  }

  func call(
    _ method: String, _ arguments: [UInt8], at node: Principal, as request: CallRequest,
    headers: [(name: String, value: String)],
    _ completion: @escaping @Sendable (Result<[UInt8], CallError>) -> Void
  ) {
    tally.operationBegan()
    executor.run { [self] in
      let passed = service.application.passedFields.compactMap { field in
        request.header("\(field)").map { (name: "\(field)", value: $0) }
      }
      let call = ServiceCall(
        method: method, arguments: arguments, headers: headers + passed, isSecure: request.isSecure)
      guard service.node.isRunning, let bed else {
        tally.operationEnded()
        return completion(.failure(.unavailable("the node has ended")))
      }
      bed.forward(call, to: node) { [tally] result in
        tally.operationEnded()
        completion(result)
      }
    }
  }
}
