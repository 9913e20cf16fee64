import Candid
import Cluster
import Placement
import WireProtocol
import WireProtocol

extension RingDescription {
  init(_ coordinator: Coordinator) {
    let map = coordinator.map
    let machine = coordinator.machine
    self.init(
      epoch: map.ring.epoch, revision: map.revision, digest: map.digestText,
      members: map.members.map { node in
        Member(
          id: node, address: map.addresses[node],
          state: ClusterSummary.state(of: node, coordinator))
      },
      joining: machine.state.change?.joining.first, isSettled: machine.isSettled,
      change: machine.changeStatus.map(ChangeDescription.init), ending: machine.state.departed,
      lastFailure: machine.failures > 0 ? machine.lastFailure : nil)
  }
}

extension ChangeDescription {
  init(_ change: ChangeStatus) {
    self.init(
      joining: change.joining, leaving: change.leaving, epoch: change.epoch, step: change.step,
      isDecided: change.isDecided, scannedKeys: change.copy.scannedKeys, keys: change.copy.keys,
      sentKeys: change.copy.sentKeys, sentBytes: change.copy.sentBytes,
      expectedBytes: change.copy.expectedBytes, bytesPerSecond: change.copy.bytesPerSecond)
  }
}
