extension SimulationPlan {
  /// The smallest plan found that still breaks a promise: with fewer kinds of faults, clients and
  /// keys, and for a shorter time. This plan must break one.
  ///
  /// - Parameter runs: how many runs that may take.
  package func shrunk(runs: Int = 200) -> SimulationPlan {
    var best = self
    var left = runs
    func tryOut(_ change: (inout SimulationPlan) -> Void) -> Bool {
      var next = best
      change(&next)
      guard left > 0, next != best else { return false }
      left -= 1
      guard next.run().violation != nil else { return false }
      best = next
      return true
    }
    var makesProgress = true
    while makesProgress, left > 0 {
      let before = best
      for kind in FaultKind.allCases where !best.without.contains(kind) {
        _ = tryOut { $0.without.insert(kind) }
      }
      for (part, whole) in [(1, 4), (1, 2), (3, 4), (9, 10)] as [(UInt64, UInt64)] {
        while tryOut({ $0.faultyTime = $0.faultyTime / 1_000 * part / whole * 1_000 }) {}
      }
      for clients in 1..<6 where clients < best.clients {
        if tryOut({ $0.clients = clients }) { break }
      }
      for keys in [2, 4, 8, 16, 32] where keys < best.mostKeys ?? .max {
        if tryOut({ $0.mostKeys = keys }) { break }
      }
      makesProgress = best != before
    }
    return best
  }
}
