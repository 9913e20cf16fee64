/// What the nemesis can do.
enum Fault: String, CaseIterable {
  case killNode = "kill node"
  case killJoiningNode = "kill joining node"
  case killSource = "kill source of a handover"
  case killGateway = "kill gateway"
  case killGatewayAmidChange = "kill gateway amid a change"
  case killAll = "kill all"
  case pauseNode = "pause node"
  case pauseGateway = "pause gateway"
  case restartNode = "restart node"
  case restartGateway = "restart gateway"
  case cancelChange = "cancel a change by a restart"
  case fillDisk = "fill disk"
  case cutNode = "cut node off"
  case cutGateway = "cut gateway off"

  /// Whether the fault is made on the way of a change that it begins itself.
  var beginsChange: Bool {
    switch self {
    case .killJoiningNode, .killSource, .killGatewayAmidChange, .cancelChange: true
    default: false
    }
  }
}

/// A change of the cluster's size.
enum Change: String, CaseIterable {
  case up
  case upByTwo = "up by two"
  case down
  case drain
  case cancel

  /// The argument of `POST /scale`, in Candid's text.
  /// - Parameter node: the number of the node to drain.
  func request(node: String) -> String {
    switch self {
    case .up: "(record { action = variant { Up } })"
    case .upByTwo: "(record { action = variant { Up }; count = opt (2 : nat32) })"
    case .down: "(record { action = variant { Down } })"
    case .drain: "(record { action = variant { Drain }; nodes = opt vec { \"\(node)\" } })"
    case .cancel: "(record { action = variant { Cancel } })"
    }
  }

  enum Answer {
    case begun
    case refused
    /// The gateway does not know how to.
    case unknown
  }
}
