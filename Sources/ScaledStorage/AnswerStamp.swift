import Candid
import Cluster
import HTTPTransport
import Placement

/// Who answers, and by which ring: the fields `ss-node` and `ss-epoch` of every keyed answer, made
/// once for each ring.
struct AnswerStamp {
  let epoch: UInt64
  let nodeText: String
  let epochText: String
  private let nodeBytes: [UInt8]
  private let epochBytes: [UInt8]

  init?(_ machine: borrowing NodeMachine) {
    guard let id = machine.identity, let epoch = machine.map?.ring.epoch else { return nil }
    self.epoch = epoch
    nodeText = id.text
    epochText = String(epoch)
    nodeBytes = Array(nodeText.utf8)
    epochBytes = Array(epochText.utf8)
  }

  func write(to exchange: Exchange) {
    nodeBytes.withUnsafeBytes { exchange.setHeader("ss-node", verbatim: $0) }
    epochBytes.withUnsafeBytes { exchange.setHeader("ss-epoch", verbatim: $0) }
  }
}
