import Candid
import Cluster
import Placement
import Storage

/// One life of a node: a `NodeMachine`, and a driver that does what the node's event loop does.
final class SimulatedNode {
  typealias Acknowledge = (Result<Void, ClusterError>) -> Void

  let id: Principal
  let address: String
  let disk: SimulatedDisk
  let process: SimulatedProcess
  private(set) var machine: NodeMachine
  /// The module that calls would be served with.
  var module: StoredModule?
  /// That of the last module that was stored or is about to be.
  var latestModuleRevision: UInt64
  /// How many modules wait for the disk: nobody knows which the node has until they are there.
  var modulesOnTheWay = 0
  var isModuleUncertain = false

  unowned let site: SimulatedSite
  let simulator: Simulator
  private let committer: SimulatedCommitter
  private var requests: [UInt64: Request] = [:]
  private var acknowledgements: [UInt64: Acknowledge] = [:]
  private var nextTicket: UInt64 = 0
  private var isTurnScheduled = false
  /// The map of the last handover that was prepared here.
  private var prepared: ClusterMap?

  /// Tells the starts of nodes apart.
  var incarnation: UInt64 = 0

  private struct Request {
    var key: [UInt8]
    var completion: (KeyReply) -> Void
    /// Since when the request has been waiting for a fence, on the monotonic clock; nil when it
    /// waits for the disk.
    var heldSince: UInt64?
  }

  init(
    id: Principal, address: String, disk: SimulatedDisk, clock: SimulatedClock,
    site: SimulatedSite
  ) throws(ClusterError) {
    self.id = id
    self.address = address
    self.disk = disk
    self.site = site
    simulator = site.simulator
    process = SimulatedProcess(simulator: simulator, clock: clock)
    machine = try NodeMachine(store: disk, limits: site.limits)
    module = StoredModule(stored: try machine.stored(StoredModule.name))
    latestModuleRevision = module?.revision ?? 0
    var outcome: ((CommitOutcome) -> Void)?
    committer = SimulatedCommitter(
      process: process, disk: disk, promisesEarly: site.mutation == .acknowledgeEarly
    ) { outcome?($0) }
    outcome = { [weak self] in self?.committed($0) }
    tick()
  }

  var isAlive: Bool { process.isAlive }

  /// Whether nothing waits for the disk.
  var isQuiet: Bool { committer.isIdle }

  // MARK: - Requests

  func execute(
    _ command: KeyCommand, key: [UInt8], _ completion: @escaping (KeyReply) -> Void
  ) {
    nextTicket += 1
    let ticket = nextTicket
    let moment = process.moment
    var heldSince: UInt64?
    if case .fenced = machine.route(key) {
      heldSince = moment.monotonic
      if let mutation = site.mutation,
        let reply = mutation.serveFenced(command, key: key, disk: disk, now: moment)
      {
        return completion(reply)
      }
    }
    if let reply = reply(command, key: key, ticket: ticket, now: moment) {
      completion(reply)
    } else {
      requests[ticket] = Request(key: key, completion: completion, heldSince: heldSince)
    }
    scheduleTurn()
  }

  private func reply(
    _ command: KeyCommand, key: [UInt8], ticket: UInt64, now: Moment
  ) -> KeyReply? {
    guard site.habits.changesInPlace, ticket % 2 == 0, case .apply(.none, let body) = command else {
      return machine.execute(command, key: key, ticket: ticket, now: now)
    }
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_024, alignment: 1)
    defer { room.deallocate() }
    let outcome = key.withUnsafeBytes { key in
      machine.change(key, ticket: ticket, now: now) { value in
        switch body(value.map { Record(version: Version(0), value: Array($0)) }) {
        case .keep: return .keep
        case .delete: return .delete
        case .put(let value, let expiry):
          room.copyBytes(from: value.prefix(room.count))
          return .put(UnsafeRawBufferPointer(rebasing: room[..<value.count]), expiry: expiry)
        }
      }
    }
    switch outcome {
    case .done(let version): return .applied(version)
    case .waits: return nil
    case .notServed: return machine.execute(command, key: key, ticket: ticket, now: now)
    }
  }

  func initialise(identity: Principal, map: ClusterMap, _ completion: @escaping Acknowledge) {
    machine.initialise(identity: identity, map: map, ticket: acknowledgement(completion))
    scheduleTurn()
  }

  func handle(_ event: CanisterManagerEvent, _ completion: @escaping Acknowledge) {
    var event = event
    var completion = completion
    if let mutation = site.mutation {
      if mutation.answersEarly(event) { completion(.success(())) }
      guard let changed = mutation.incoming(event, at: machine, disk: disk) else {
        return completion(.success(()))
      }
      event = changed
      if case .fence = event {
        let inner = completion
        completion = { [weak self] result in
          if let self, case .success = result {
            mutation.fenced(machine, next: prepared, disk: disk)
          }
          inner(result)
        }
      }
    }
    if case .prepare(let next) = event { prepared = next }
    let told = simulator.journal.isKept ? noting(event, completion) : completion
    machine.handle(event, ticket: acknowledgement(told))
    scheduleTurn()
  }

  private func noting(
    _ event: CanisterManagerEvent, _ completion: @escaping Acknowledge
  ) -> Acknowledge {
    simulator.note("\(id.text) gets \(event.words)")
    return { [simulator, id] result in
      switch result {
      case .success: simulator.note("\(id.text) agrees to \(event.words)")
      case .failure(let error):
        simulator.note("\(id.text) refuses \(event.words): \(error.message)")
      }
      completion(result)
    }
  }

  func store(_ module: StoredModule, _ completion: @escaping Acknowledge) {
    machine.store(
      [(StoredModule.name, module.stored)], ticket: acknowledgement(completion))
    scheduleTurn()
  }

  private func acknowledgement(_ completion: @escaping Acknowledge) -> UInt64 {
    nextTicket += 1
    acknowledgements[nextTicket] = completion
    return nextTicket
  }

  var report: NodeReport {
    let report = NodeReport(
      identity: machine.identity, status: .ready, keys: machine.statistics.keys,
      bytes: machine.statistics.bytes, epoch: machine.map?.ring.epoch ?? 0,
      revision: machine.map?.revision ?? 0, handover: machine.handoverStatus,
      isPurging: machine.isPurging, moduleDigest: reportedModule, incarnation: incarnation)
    return site.observer?.completed(report, of: self) ?? report
  }

  // MARK: - Life

  /// kill -9.
  func kill() {
    guard isAlive else { return }
    process.kill()
    committer.crash()
    requests = [:]
    acknowledgements = [:]
  }

  private func tick() {
    let isIdle = machine.handoverStatus == nil && !machine.isPurging
    process.after(isIdle ? site.habits.idleTick : site.habits.tick) { [weak self] in
      self?.scheduleTurn()
      self?.tick()
    }
  }

  /// A turn of the loop takes in what arrives within a moment.
  private func scheduleTurn() {
    guard !isTurnScheduled else { return }
    isTurnScheduled = true
    process.after(simulator.below(400, .loops)) { [weak self] in self?.turn() }
  }

  private func turn() {
    isTurnScheduled = false
    guard isAlive else { return }
    var moment = process.moment
    if site.mutation == .holdForever,
      requests.values.contains(where: { $0.heldSince != nil })
    {
      moment.monotonic = 0
    }
    let more = machine.advance(now: moment)
    machine.flush()
    var actions = machine.takeActions()
    while !actions.isEmpty {
      for action in actions { perform(action) }
      machine.flush()
      actions = machine.takeActions()
    }
    if more { scheduleTurn() }
    checkHeld()
    site.observer?.checkServing(self)
  }

  private func perform(_ action: NodeAction) {
    switch action {
    case .commit(let sequence, let batch):
      committer.submit(batch, sequence: sequence)
    case .reply(let ticket, let reply):
      requests.removeValue(forKey: ticket)?.completion(reply)
    case .respond(let ticket, let result):
      acknowledgements.removeValue(forKey: ticket)?(result)
    case .send(let message, let node, let address, let event):
      send(event, message: message, to: node, address: address)
    case .retire(let ticket):
      // The site's launcher removes what nodes leave behind.
      acknowledgements.removeValue(forKey: ticket)?(
        .failure(ClusterError(.conflict, "nobody retires nodes here")))
    case .alarm(let text):
      simulator.violated("\(id.text) raised an alarm: \(text)")
    }
  }

  private func send(
    _ event: CanisterManagerEvent, message: UInt64, to node: Principal, address: String
  ) {
    var event = event
    if let mutation = site.mutation, case .migrate(let migration) = event {
      guard let changed = mutation.outgoing(migration, from: machine) else {
        return process.after(1_000) { [weak self] in
          self?.machine.peerReplied(message, .success(()))
        }
      }
      event = .migrate(changed)
    }
    site.send(event, from: .node(id), process, to: .node(node), address: address) {
      [weak self] result in
      self?.machine.peerReplied(message, result)
      self?.scheduleTurn()
    }
  }

  private func committed(_ outcome: CommitOutcome) {
    switch outcome.result {
    case .success:
      machine.committed(through: outcome.sequences.upperBound)
    case .failure(let error):
      simulator.note("\(id.text) hears that commits failed")
      machine.commitFailed(error)
      committer.resume()
    }
    site.observer?.checkServing(self)
    scheduleTurn()
  }

  /// No request waits for a fence for longer than the limit says.
  private func checkHeld() {
    let now = process.moment.monotonic
    for (ticket, request) in requests {
      guard let since = request.heldSince else { continue }
      guard case .fenced = machine.route(request.key) else {
        requests[ticket]?.heldSince = nil
        continue
      }
      if now - since > site.limits.heldMilliseconds {
        simulator.violated("\(id.text) lets a request wait for a fence without end")
      }
    }
  }
}

extension CanisterManagerEvent {
  fileprivate var words: String {
    switch self {
    case .nodeCreated(let node): "the announcement that \(node) joined"
    case .nodeDeleted(let node): "the announcement that \(node) left"
    case .migrate(let migration):
      "\(((try? TransferChunk.records(in: migration.data)) ?? []).count) keys from "
        + "\(migration.from?.text ?? "?") for epoch \(migration.epoch ?? 0)"
    case .prepare(let map): "the preparation of epoch \(map.ring.epoch)"
    case .fence(let epoch): "the fence of epoch \(epoch)"
    case .ringChanged(let map): "the ring of epoch \(map.ring.epoch), revision \(map.revision)"
    case .abort(let epoch): "the abort of epoch \(epoch)"
    }
  }
}
