import Candid
import Cluster
import ClusterTestKit
import Placement
import ScaledStorage
import WireProtocol

/// A service at one node: what `NodeServer` and `NodeRuntime` do around its methods and hooks.
///
/// It lives as long as the node's process and is used on the thread that drives the cluster only.
final class NodeService: @unchecked Sendable {
  // Unchecked: tasks only carry it back to that thread.
  let node: InProcessNode
  let application: Application
  private unowned let bed: TestBed
  private var space: SimulatedKeySpace { SimulatedKeySpace(self, bed) }
  /// The operations of handlers that wait for the node.
  private var waiting: [UInt64: (KeyReply) -> Void] = [:]
  private var nextOperation: UInt64 = 0
  private var isMember: Bool
  private var isStarted = false
  private var isStopping = false
  private var epoch: UInt64?

  init(_ node: InProcessNode, _ application: Application, _ bed: TestBed) {
    self.node = node
    self.application = application
    self.bed = bed
    isMember = node.map != nil
  }

  // MARK: - Calls

  /// Serves a call as its node does: answers, or tells who owns the key.
  func serve(_ call: ServiceCall, _ answer: @escaping (NodeAnswer<CallResult>) -> Void) {
    do {
      guard let method = application.methods[call.method] else {
        throw CallError(
          status: 404, code: "unknown_method", "there is no method \"\(call.method)\" here")
      }
      var request = call.request(isUpdate: !method.isQuery)
      for middleware in application.middleware { try middleware(&request) }
      let setting = CallSetting(
        request: request, node: node.id, now: node.moment.wall,
        maximumValueBytes: TestBed.maximumValueBytes)
      let keyed = try method.read(call.arguments, .candid, setting)
      if let task = keyed.task { return try run(task, keyed, answer) }
      node.execute(keyed.command, key: keyed.key) { [self] reply in
        answer(conclude(keyed, reply))
      }
    } catch {
      answer(.refused(bed.told(error)))
    }
  }

  private func conclude(_ call: KeyedCall, _ reply: KeyReply) -> NodeAnswer<CallResult> {
    switch reply {
    case .elsewhere(let owner, let address): return .elsewhere(owner: owner, address: address)
    case .refused(let error): return .refused(CallError(error))
    case .preconditionFailed:
      return .refused(.preconditionFailed("the value is at another version"))
    default:
      do throws(Problem) {
        return .answered(try call.conclude(reply, node.id, .candid))
      } catch {
        return .refused(bed.told(error))
      }
    }
  }

  /// Runs a method that waits, unless its key lives elsewhere.
  private func run(
    _ task: @escaping KeyedCall.Task, _ call: KeyedCall,
    _ answer: @escaping (NodeAnswer<CallResult>) -> Void
  ) throws {
    if !call.key.isEmpty, let elsewhere = node.elsewhere(call.key) {
      return answer(.elsewhere(owner: elsewhere.owner, address: elsewhere.address))
    }
    let (key, space) = (call.key, space)
    begin {
      try await task(space, .candid)
    } done: { [self] result in
      switch result {
      case .success(let result): answer(.answered(result))
      case .failure(let error as ForwardRequired):
        answer(forward(to: error.node, callWith: key))
      case .failure(let error): answer(.refused(bed.told(error)))
      }
    }
  }

  private func forward(to owner: Principal, callWith key: [UInt8]) -> NodeAnswer<CallResult> {
    let home = key.isEmpty ? owner : node.map?.owner(of: key)
    guard home == owner, let address = node.map?.addresses[owner] else {
      return .refused(
        CallError(
          status: 500, code: "other_key",
          "the method needs a value of \(owner.text), to which the call itself does not belong; "
            + "it has to call that node by forwardRequest"))
    }
    return .elsewhere(owner: owner, address: address)
  }

  /// Starts a task on the thread that drives the cluster; `done` is called there.
  private func begin<Output: Sendable>(
    _ body: @escaping @Sendable () async throws -> Output,
    done: @escaping (Result<Output, any Error>) -> Void
  ) {
    let (executor, tally) = (bed.executor, bed.tally)
    let end = HandedOver(done)
    tally.handlerBegan()
    Task.immediate(executorPreference: executor) {
      let result: Result<Output, any Error>
      do { result = .success(try await body()) } catch { result = .failure(error) }
      executor.run {
        tally.handlerEnded()
        end.value(result)
      }
    }
  }

  // MARK: - What handlers ask of the node

  /// Runs a command for a handler.
  func execute(
    _ command: KeyCommand, key: [UInt8], _ completion: @escaping (KeyReply) -> Void
  ) {
    guard node.isRunning else { return completion(NodeService.ended) }
    nextOperation += 1
    let operation = nextOperation
    waiting[operation] = completion
    node.execute(command, key: key) { [self] reply in
      waiting.removeValue(forKey: operation)?(reply)
    }
  }

  private static let ended = KeyReply.refused(
    ClusterError(.outcomeUnknown, "the node has ended"))

  /// The process is gone: handlers that wait for it go on, so that their tasks end; nobody hears
  /// of them.
  func ended() {
    isStopping = true
    let left = waiting.sorted { $0.key < $1.key }
    waiting = [:]
    for (_, completion) in left { completion(NodeService.ended) }
  }

  // MARK: - Hooks

  /// The node has another map.
  func mapChanged() {
    guard let map = node.map else { return }
    if !isMember {
      isMember = true
      for body in application.hooks.initialised { run(body, "onInit") }
    }
    if !isStarted {
      isStarted = true
      for body in application.hooks.started { run(body, "onStart") }
      for (interval, body) in application.hooks.heartbeats { beat(every: interval, body) }
    } else if map.ring.epoch != epoch {
      for body in application.hooks.ringChanged { run(body, "onRingChange") }
    }
    epoch = map.ring.epoch
  }

  /// Runs the last hooks; `done` is called when they have ended.
  func stop(_ done: @escaping () -> Void) {
    guard isStarted, !isStopping, !application.hooks.stopping.isEmpty else { return done() }
    isStopping = true
    var left = application.hooks.stopping.count
    for body in application.hooks.stopping {
      run(body, "onStop") {
        left -= 1
        if left == 0 { done() }
      }
    }
  }

  private func beat(every interval: Duration, _ body: @escaping Hooks.Body) {
    node.after(interval) { [weak self] in
      guard let self, !isStopping else { return }
      run(body, "heartbeat") { [weak self] in self?.beat(every: interval, body) }
    }
  }

  private func run(
    _ body: @escaping Hooks.Body, _ name: String, _ done: @escaping () -> Void = {}
  ) {
    let space = space
    begin {
      try await body(space)
    } done: { [self] result in
      if case .failure(let error) = result {
        bed.log("\(node.id.text): the hook \(name) threw \(error)")
      }
      done()
    }
  }
}

/// What is handed over to another task and used by nobody else.
private struct HandedOver<Value>: @unchecked Sendable {
  let value: Value

  init(_ value: Value) { self.value = value }
}
