import Candid
import Cluster
import Placement
import WireProtocol

/// Where a key lives, and why; without what the cluster keeps secret, the hash key and the hash.
struct KeyLocation {
  private let key: String
  private let bucket: Int
  private let owner: Principal
  private let coordinator: Coordinator

  /// - Throws: `Problem` 503 while nobody owns anything.
  init(of key: [UInt8], _ coordinator: Coordinator) throws(Problem) {
    guard let bucket = coordinator.map.ring.ownerIndex(of: key),
      let owner = coordinator.map.owner(of: key)
    else { throw Problem(503, "no_owner", "the first node is not running yet; try again") }
    self.key = String(decoding: key, as: UTF8.self)
    self.bucket = bucket
    self.owner = owner
    self.coordinator = coordinator
  }

  var json: [UInt8] {
    let state = ClusterSummary.state(of: owner, coordinator)
    let next = coordinator.machine.nextMap.flatMap { map in
      map.owner(of: Array(key.utf8)).map { (owner: $0, epoch: map.ring.epoch) }
    }
    var json = JSONText()
    json.object { json in
      json.field("key", key)
      json.field("bucket", bucket)
      json.field("owner", owner.text)
      json.field("number", owner.canisterNumber)
      json.field("address", coordinator.map.addresses[owner])
      json.field("state", state)
      json.field("epoch", coordinator.map.ring.epoch)
      json.field("next_owner", next.flatMap { $0.owner == owner ? nil : $0.owner.text })
      json.field("why", why(state, next))
    }
    json.raw("\n")
    return json.bytes
  }

  private func why(_ state: String, _ next: (owner: Principal, epoch: UInt64)?) -> String {
    let map = coordinator.map
    let count = map.members.count
    let buckets = count == 1 ? "the one bucket" : "one of the \(count) buckets"
    var text =
      "Hashed with the cluster's secret key, it falls into bucket \(bucket), \(buckets) in use "
      + "at epoch \(map.ring.epoch), and that bucket belongs to \(owner.label)."
    if let next {
      text +=
        next.owner == owner
        ? " It stays there when the change under way is done."
        : " When the change under way is done, at epoch \(next.epoch), it will live at "
          + "\(next.owner.label)."
    }
    switch state {
    case "unreachable": text += " That node does not answer now, so the key cannot be reached."
    case "launching", "stopped":
      text += " That node is being started again; until it serves, the key cannot be reached."
    default: break
    }
    return text
  }
}
