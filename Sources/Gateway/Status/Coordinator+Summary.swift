import Cluster
import Placement

extension Coordinator {
  /// How the cluster is and who leads it, in a line for who looks at the service.
  package var summary: String {
    let health = ClusterHealth(self)
    let count = map.members.count
    let who =
      isLeading ? "leads" : log.leader.map { "follows \($0)" } ?? "finds no gateway that leads"
    return "\(who), \(count) node\(count == 1 ? "" : "s") at epoch \(map.ring.epoch), "
      + "\(health.state.rawValue): \(health.reason)"
  }
}
