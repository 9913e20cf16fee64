import Cluster
import Placement

extension NodeRuntime {
  /// How the node fares, in a line for who looks at the service; it says nothing that changes with
  /// each request.
  package var summary: String {
    guard let id = node.id else { return "blank: waits for a gateway that needs it" }
    let name = id.canisterNumber.map { "node \($0)" } ?? id.text
    let epoch = node.map.map { " of epoch \($0.ring.epoch)" } ?? ""
    return "\(name)\(epoch): \(NodeRuntime.words(status))"
  }

  private static func words(_ status: NodeStatus) -> String {
    switch status {
    case .initialized: "waits to become a member"
    case .ready: "serves"
    case .shutDown: "has left"
    case .migrating: "serves, and gets keys of nodes that leave"
    case .scaleUp: "joins, or hands keys to nodes that join"
    case .scaleDown: "leaves, and hands its keys over"
    case .error(let error):
      switch error {
      case .migration(let text), .scaleUp(let text), .initialize(let text), .broadcast(let text):
        text
      }
    }
  }
}
