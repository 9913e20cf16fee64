import Candid
import Cluster
import HTTPTransport
import Placement

/// Who answers, and by which ring: the fields `ss-node` and `ss-epoch` of every keyed answer, made
/// once for each ring. Its bytes stay in place, so that writing them counts no references.
final class AnswerStamp {
  /// Nil before the node belongs to a cluster.
  private(set) var epoch: UInt64?
  private(set) var nodeText = ""
  private(set) var epochText = ""
  private let bytes = UnsafeMutableRawBufferPointer.allocate(
    byteCount: AnswerStamp.capacity, alignment: 8)
  private var nodeCount = 0
  private var epochCount = 0

  /// A principal's text has 63 characters at most, a number 20.
  private static let capacity = 96

  deinit { bytes.deallocate() }

  func update(_ machine: borrowing NodeMachine) {
    guard let id = machine.identity, let epoch = machine.map?.ring.epoch else {
      self.epoch = nil
      return
    }
    self.epoch = epoch
    nodeText = id.text
    epochText = String(epoch)
    nodeCount = copy(nodeText, at: 0)
    epochCount = copy(epochText, at: nodeCount)
  }

  private func copy(_ text: String, at start: Int) -> Int {
    let room = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
    let text = text.utf8.prefix(room.count)
    room.copyBytes(from: text)
    return text.count
  }

  func write(to exchange: Exchange) {
    guard epoch != nil else { return }
    exchange.setHeader(
      "ss-node", verbatim: UnsafeRawBufferPointer(rebasing: bytes[..<nodeCount]))
    exchange.setHeader(
      "ss-epoch",
      verbatim: UnsafeRawBufferPointer(rebasing: bytes[nodeCount..<nodeCount + epochCount]))
  }
}
