import Cluster

/// A client that does one request after another, and asks again what certainly was not done.
final class SimulatedClient {
  private unowned let cluster: SimulatedCluster
  private let simulator: Simulator
  private let workload: Workload
  private var random: SplitMix64
  private(set) var isBusy = false

  /// How long a client waits for an answer, in microseconds.
  private static let patience: UInt64 = 2_000_000
  private static let hops = 4

  init(cluster: SimulatedCluster, number: UInt64) {
    self.cluster = cluster
    simulator = cluster.simulator
    workload = cluster.workload
    random = cluster.simulator.stream(number)
  }

  /// Goes on until the cluster's clients are told to stop.
  func start(pause: UInt64) {
    simulator.after(1 + random.below(2 * pause)) { [weak self] in
      guard let self, !cluster.isCalm else { return }
      let key = workload.randomKey(&random)
      perform(workload.randomCommand(on: key, &random), key: key, attempts: 8) { [weak self] _ in
        self?.start(pause: pause)
      }
    }
  }

  /// Reads the keys one after another: what is lost now is lost for good.
  func readAll(from key: Int = 0, _ done: @escaping () -> Void) {
    guard key < workload.keys.count else { return done() }
    perform(.get, key: key, attempts: 100) { [self] isDone in
      if !isDone { simulator.violated("\(workload.name(of: key)) cannot be read") }
      readAll(from: key + 1, done)
    }
  }

  /// - Parameter done: told whether there was an answer.
  private func perform(
    _ command: KeyOperation.Command, key: Int, attempts: Int, _ done: @escaping (Bool) -> Void
  ) {
    let request = Request(
      command: command, sent: Workload.request(command), key: key, invoked: simulator.time,
      done: done)
    isBusy = true
    attempt(request, attempts: attempts)
  }

  private struct Request {
    var command: KeyOperation.Command
    var sent: KeyCommand
    var key: Int
    var invoked: UInt64
    var done: (Bool) -> Void
  }

  private func attempt(_ request: Request, attempts: Int) {
    guard attempts > 0 else { return finish(request, .notDone) }
    guard let node = random.pick(cluster.launcher.running) else {
      return attemptAgain(request, attempts: attempts)
    }
    ask(node.address, request, hops: SimulatedClient.hops) { [self] outcome in
      guard let outcome else { return attemptAgain(request, attempts: attempts) }
      finish(request, outcome)
    }
  }

  private func attemptAgain(_ request: Request, attempts: Int) {
    simulator.after(2_000 + random.below(60_000)) { [self] in
      attempt(request, attempts: attempts - 1)
    }
  }

  /// Follows `.elsewhere`. The completion's argument is nil when certainly nothing was done.
  private func ask(
    _ address: String, _ request: Request, hops: Int,
    _ completion: @escaping (KeyOperation.Outcome?) -> Void
  ) {
    guard let node = cluster.launcher.process(at: address) else {
      return simulator.after(1_000) { completion(nil) }
    }
    let key = workload.keys[request.key]
    cluster.network.call(
      from: .clients, to: .node(node.id), deadline: SimulatedClient.patience,
      timeout: Answer.none, mayDuplicate: false
    ) { [cluster] answer in
      guard let node = cluster.launcher.process(at: address) else { return answer(.refused) }
      node.process.run { [weak node] in
        node?.execute(request.sent, key: key) { answer(.reply($0)) }
      }
    } completion: { [self] answer in
      switch answer {
      case .none: completion(.unknown)
      case .refused: completion(nil)
      case .reply(.elsewhere(_, let owner)) where hops > 0:
        ask(owner, request, hops: hops - 1, completion)
      case .reply(let reply): completion(workload.outcome(of: reply))
      }
    }
  }

  private enum Answer {
    case none
    case refused
    case reply(KeyReply)
  }

  private func finish(_ request: Request, _ outcome: KeyOperation.Outcome) {
    isBusy = false
    let operation = KeyOperation(
      request.command, outcome, invoked: request.invoked, returned: simulator.time)
    // The reads at the end would drive all else out of the journal.
    if !cluster.isCalm || outcome == .unknown {
      simulator.note(key: request.key, "\(workload.name(of: request.key)): \(operation)")
    }
    workload.record(operation, key: request.key)
    switch outcome {
    case .notDone, .unknown: request.done(false)
    default: request.done(true)
    }
  }
}
