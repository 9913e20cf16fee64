import Candid

/// Who sends and receives messages.
enum Party: Hashable {
  case coordinator
  case clients
  case node(Principal)

  var name: String {
    switch self {
    case .coordinator: "the coordinator"
    case .clients: "the clients"
    case .node(let node): node.text
    }
  }
}

/// A network that delays, reorders, drops and duplicates messages, and that can be cut.
final class SimulatedNetwork {
  private struct Cut {
    /// nil: whoever.
    var from: Party?
    var to: Party?
    var until: UInt64
  }

  private let simulator: Simulator
  private var cuts: [Cut] = []

  init(simulator: Simulator) {
    self.simulator = simulator
  }

  // MARK: - Messages

  /// Calls `deliver` when a message arrives, twice when it is duplicated, or never.
  func send(
    from sender: Party, to receiver: Party, mayDuplicate: Bool = true,
    _ deliver: @escaping () -> Void
  ) {
    let copies = mayDuplicate && simulator.strikes(.messageDuplicated) ? 2 : 1
    for _ in 0..<copies {
      if simulator.strikes(.messageLost) || isCut(sender, receiver) { continue }
      simulator.after(delay()) { [self] in
        if !isCut(sender, receiver) { deliver() }
      }
    }
  }

  /// A request and its answer.
  ///
  /// - Parameters:
  ///   - serve: runs at the receiver, perhaps twice or never; it answers through its argument.
  ///   - completion: called once: with the first answer, or with `timeout` when none came in time.
  func call<Answer>(
    from caller: Party, to callee: Party, deadline: UInt64, timeout: Answer,
    mayDuplicate: Bool = true, serve: @escaping (@escaping (Answer) -> Void) -> Void,
    completion: @escaping (Answer) -> Void
  ) {
    var isDone = false
    func finish(_ answer: Answer) {
      guard !isDone else { return }
      isDone = true
      completion(answer)
    }
    send(from: caller, to: callee, mayDuplicate: mayDuplicate) { [self] in
      serve { [self] answer in
        send(from: callee, to: caller, mayDuplicate: false) { finish(answer) }
      }
    }
    simulator.after(deadline) { finish(timeout) }
  }

  private func delay() -> UInt64 {
    let delay = 20 + simulator.below(simulator.rates.longestDelay, .network)
    guard simulator.strikes(.messageLate) else { return delay }
    return delay * (1 + simulator.below(100, .messageLate))
  }

  // MARK: - Partitions

  private func isCut(_ sender: Party, _ receiver: Party) -> Bool {
    guard !cuts.isEmpty else { return false }
    return cuts.contains {
      $0.until > simulator.time && ($0.from ?? sender) == sender && ($0.to ?? receiver) == receiver
    }
  }

  /// Cuts some of the parties off, one way or both, for a while.
  func cut(_ parties: [Party]) {
    func below(_ bound: UInt64) -> UInt64 { simulator.below(bound, .partition) }
    guard let first = simulator.pick(parties, .partition) else { return }
    // Now and then for longer than every timeout.
    let duration = below(4) == 0 ? 1_000_000 + below(2_000_000) : 20_000 + below(600_000)
    let until = simulator.time + duration
    let other = below(2) == 0 ? simulator.pick(parties.filter { $0 != first }, .partition) : nil
    let direction = below(3)
    cuts.removeAll { $0.until <= simulator.time }
    if direction != 1 { cuts.append(Cut(from: first, to: other, until: until)) }
    if direction != 2 { cuts.append(Cut(from: other, to: first, until: until)) }
    let arrow = ["and", "hears not", "is not heard by"][Int(direction)]
    simulator.inject(
      .partition, "\(first.name) \(arrow) \(other?.name ?? "everyone") for \(duration) µs")
  }

  func heal() { cuts = [] }
}
