import Candid
import Cluster

extension SimulatedSite {
  var isSettled: Bool { coordinator?.machine.isSettled == true && unsettled.isEmpty }

  /// What keeps the cluster from being at rest.
  var unsettled: String {
    guard let coordinator else { return "there is no coordinator" }
    let machine = coordinator.machine
    guard machine.isSettled else {
      let reports = machine.state.map.members.map { member in
        machine.nodes[member]?.report.map { "\($0)" } ?? "no report"
      }
      return
        "the coordinator is busy with \(machine.state.change.map { "\($0)" } ?? "nothing"), "
        + "the reports are \(reports)"
    }
    let running = launcher.running
    guard running.map(\.id) == machine.state.map.members.sorted() else {
      return "running are \(running.map(\.id.text)), members \(machine.state.map.members)"
    }
    for node in running where node.machine.map != machine.state.map {
      return "\(node.id.text) has another map than the coordinator"
    }
    for node in running where node.module?.digest != machine.state.moduleDigest {
      return
        "\(node.id.text) has the module \(node.module?.digest ?? []), not "
        + "\(machine.state.moduleDigest ?? [])"
    }
    guard !machine.state.isModuleRolling else { return "the module is still rolling" }
    for node in running where node.machine.handoverStatus != nil || node.machine.isPurging {
      return "\(node.id.text) is still moving keys"
    }
    for node in running where !node.isQuiet {
      return "\(node.id.text) has not written everything yet"
    }
    return ""
  }
}
