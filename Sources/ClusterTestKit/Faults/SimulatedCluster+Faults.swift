import Candid
import Cluster

extension SimulatedCluster {
  /// Lets the faults that come now and then come.
  func scheduleFaults() {
    for kind in FaultKind.allCases {
      if let pause = simulator.rates.pauses[kind] { schedule(kind, pause: pause) }
    }
  }

  private func schedule(_ kind: FaultKind, pause: UInt64) {
    simulator.after(simulator.below(2 * pause, kind)) { [weak self] in
      guard let self, !isCalm else { return }
      strike(kind)
      schedule(kind, pause: pause)
    }
  }

  private func strike(_ kind: FaultKind) {
    switch kind {
    case .partition:
      network.cut([.coordinator, .clients] + launcher.running.map { .node($0.id) })
    case .nodeKilled:
      guard let node = simulator.pick(launcher.running, kind) else { return }
      simulator.inject(kind, node.id.text)
      launcher.kill(node)
    case .nodePaused:
      guard let node = simulator.pick(launcher.running, kind) else { return }
      let duration = pauseDuration(kind)
      simulator.inject(kind, "\(node.id.text) for \(duration) µs")
      node.process.pause(for: duration)
    case .coordinatorKilled:
      killCoordinator(kind)
    case .coordinatorPaused:
      guard let coordinator else { return }
      let duration = pauseDuration(kind)
      simulator.inject(kind, "for \(duration) µs")
      coordinator.process.pause(for: duration)
    case .diskFull, .diskSlow:
      strikeDisk(kind)
    case .clockJumped:
      guard let node = simulator.pick(launcher.running, kind) else { return }
      let most = UInt64(SimulatedClock.mostSkew)
      let skew = Int64(simulator.below(2 * most + 1, kind)) - Int64(most)
      simulator.inject(kind, "\(node.id.text) to \(skew) ms")
      node.process.jump(to: skew)
    case .messageLost, .messageDuplicated, .messageLate, .launchFailed, .commitSlow, .commitFailed,
      .commitTorn, .clockSkewed, .clockDrifting, .moduleRefused:
      break
    }
  }

  /// Now and then longer than every timeout.
  private func pauseDuration(_ kind: FaultKind) -> UInt64 {
    simulator.below(3, kind) == 0
      ? 1_600_000 + simulator.below(2_000_000, kind) : 10_000 + simulator.below(700_000, kind)
  }

  private func strikeDisk(_ kind: FaultKind) {
    guard let (disk, name) = randomDisk(kind) else { return }
    let duration = 50_000 + simulator.below(600_000, kind)
    simulator.inject(kind, "\(name) for \(duration) µs")
    if kind == .diskFull {
      disk.fullUntil = simulator.time + duration
    } else {
      disk.slowUntil = simulator.time + duration
    }
  }
}
