import Candid
import Cluster
import Placement
import Storage

/// What came of a client's request.
enum RequestOutcome {
  case reply(KeyReply)
  /// It certainly was not carried out.
  case unreachable
  /// It may have been carried out, or not; from here on it is not.
  case lost
  /// The store failed: it may have been carried out, or may be later.
  case inDoubt
}

/// One life of a node: a `NodeMachine`, and a driver that does what the node's event loop does.
final class SimulatedNode {
  typealias Acknowledge = (Result<Void, ClusterError>) -> Void

  let id: Principal
  let address: String
  let disk: SimulatedDisk
  private(set) var machine: NodeMachine
  private(set) var isAlive = true

  private unowned let cluster: SimulatedCluster
  private let simulator: Simulator
  private lazy var committer = SimulatedCommitter(simulator: simulator, disk: disk) {
    [unowned self] in committed($0)
  }
  private var requests: [UInt64: (RequestOutcome) -> Void] = [:]
  private var acknowledgements: [UInt64: Acknowledge] = [:]
  private var nextTicket: UInt64 = 0
  private var isTurnScheduled = false

  static let tick: UInt64 = 20_000

  init(
    id: Principal, address: String, disk: SimulatedDisk, cluster: SimulatedCluster
  ) throws(ClusterError) {
    self.id = id
    self.address = address
    self.disk = disk
    self.cluster = cluster
    simulator = cluster.simulator
    machine = try NodeMachine(store: disk, limits: cluster.limits)
    tick()
  }

  // MARK: - Requests

  func execute(
    _ command: KeyCommand, key: [UInt8], _ completion: @escaping (RequestOutcome) -> Void
  ) {
    nextTicket += 1
    let ticket = nextTicket
    if let reply = machine.execute(command, key: key, ticket: ticket, now: simulator.moment) {
      completion(.reply(reply))
    } else {
      requests[ticket] = completion
    }
    scheduleTurn()
  }

  func initialise(identity: Principal, map: ClusterMap, _ completion: @escaping Acknowledge) {
    machine.initialise(identity: identity, map: map, ticket: acknowledgement(completion))
    scheduleTurn()
  }

  func handle(_ event: CanisterManagerEvent, _ completion: @escaping Acknowledge) {
    machine.handle(event, ticket: acknowledgement(completion))
    scheduleTurn()
  }

  private func acknowledgement(_ completion: @escaping Acknowledge) -> UInt64 {
    nextTicket += 1
    acknowledgements[nextTicket] = completion
    return nextTicket
  }

  var report: NodeReport {
    NodeReport(
      identity: machine.identity, status: .ready, keys: machine.statistics.keys,
      bytes: machine.statistics.bytes, epoch: machine.map?.ring.epoch ?? 0,
      revision: machine.map?.revision ?? 0, handover: machine.handoverStatus,
      isPurging: machine.isPurging, moduleDigest: nil)
  }

  // MARK: - Life

  /// kill -9.
  func kill() {
    guard isAlive else { return }
    isAlive = false
    committer.crash()
    let lost = requests.sorted { $0.key < $1.key }
    requests = [:]
    acknowledgements = [:]
    for request in lost { request.value(.lost) }
  }

  private func tick() {
    simulator.after(SimulatedNode.tick) { [weak self] in
      guard let self, isAlive else { return }
      scheduleTurn()
      tick()
    }
  }

  /// A turn of the loop takes in what arrives within a moment.
  private func scheduleTurn() {
    guard !isTurnScheduled else { return }
    isTurnScheduled = true
    simulator.after(simulator.random.below(400)) { [weak self] in self?.turn() }
  }

  private func turn() {
    isTurnScheduled = false
    guard isAlive else { return }
    let more = machine.advance(now: simulator.moment)
    machine.flush()
    var actions = machine.takeActions()
    while !actions.isEmpty {
      for action in actions { perform(action) }
      machine.flush()
      actions = machine.takeActions()
    }
    if more { scheduleTurn() }
    cluster.checkServing(self)
  }

  private func perform(_ action: NodeAction) {
    switch action {
    case .commit(let sequence, let batch):
      committer.submit(batch, sequence: sequence)
    case .reply(let ticket, let reply):
      requests.removeValue(forKey: ticket)?(.reply(reply))
    case .respond(let ticket, let result):
      acknowledgements.removeValue(forKey: ticket)?(result)
    case .send(let message, _, let address, let event):
      cluster.send(event, to: address) { [weak self] result in
        guard let self, isAlive else { return }
        machine.peerReplied(message, result)
        scheduleTurn()
      }
    case .alarm(let text):
      simulator.violated("\(id.text) raised an alarm: \(text)")
    }
  }

  private func committed(_ outcome: CommitOutcome) {
    guard isAlive else { return }
    switch outcome.result {
    case .success:
      machine.committed(through: outcome.sequences.upperBound)
    case .failure(let error):
      machine.commitFailed(error)
      committer.resume()
    }
    cluster.checkServing(self)
    scheduleTurn()
  }
}
