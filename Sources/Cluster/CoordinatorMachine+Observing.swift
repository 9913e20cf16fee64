public import Candid

/// A machine that mirrors the state that another coordinator changes: it routes by it, and takes
/// reports, but nobody advances it.
extension CoordinatorMachine {
  /// The machine of a gateway that follows another one.
  public init(observing state: CoordinatorState, settings: Settings = Settings()) {
    self.state = state
    self.settings = settings
    observe(state)
  }

  /// Takes the state as another coordinator has made it. What is known of nodes that stay where
  /// they are is kept.
  public mutating func observe(_ state: CoordinatorState) {
    self.state = state
    let wanted = Set(state.desired)
    for node in nodes.keys where !wanted.contains(node) { nodes[node] = nil }
    for node in wanted {
      var view = nodes[node] ?? NodeView()
      let address = state.map.addresses[node] ?? view.address
      if view.address != address { view.report = nil }
      view.process = address.map { .running(address: $0) } ?? .stopped
      nodes[node] = view
    }
  }
}

extension CoordinatorState {
  /// The nodes for which there are to be instances: the members, those that are about to join, and
  /// those that have not told all clients yet that they leave.
  public var desired: [Principal] {
    let change = change.map { $0.joining + $0.leaving } ?? []
    return map.members + change.filter { !map.contains($0) }
  }
}
