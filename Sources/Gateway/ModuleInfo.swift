package import Candid
import Cluster
import HTTPTransport
package import ScaledStorage

/// `module_info`: the cluster's module, and which node has it.
package struct ModuleInfo: CandidRecord {
  /// What every node is to have.
  package var wanted: Description?
  /// What `module_rollback` goes back to.
  package var previous: Description?
  /// Digests that may serve calls.
  package var accepted: [String]
  package var nodes: [Node]
  /// Whether some member may still have another module than the wanted one.
  package var isRolling: Bool
  /// Why it goes no further.
  package var halt: Halt?

  package struct Description: CandidRecord {
    package var sha256: String
    /// As it is stored: compressed, if it came so.
    package var bytes: UInt64
    package var methods: [Method]
    /// The interface in Candid.
    package var candid: String?

    package static let candidFields = CandidFields(
      Description.init(sha256:bytes:methods:candid:), CandidMember("sha256", \.sha256),
      CandidMember("bytes", \.bytes), CandidMember("methods", \.methods),
      CandidMember("candid", \.candid))
  }

  package struct Method: CandidRecord {
    package var name: String
    /// `update` or `query`.
    package var kind: String
    /// Which argument is the key, from 0; nil where there is none, or it depends on the call.
    package var key: UInt32?
    /// Whether there never is a key.
    package var isKeyless: Bool

    package static let candidFields = CandidFields(
      Method.init(name:kind:key:isKeyless:), CandidMember("name", \.name),
      CandidMember("kind", \.kind), CandidMember("key", \.key),
      CandidMember("keyless", \.isKeyless))
  }

  package struct Node: CandidRecord {
    package var id: Principal
    /// As in `nodes`.
    package var state: String
    /// The module that it has; nil for none, and while that is not known.
    package var sha256: String?

    package static let candidFields = CandidFields(
      Node.init(id:state:sha256:), CandidMember("id", \.id), CandidMember("state", \.state),
      CandidMember("sha256", \.sha256))
  }

  package struct Halt: CandidRecord {
    package var node: Principal
    package var reason: String
    /// How often the node has refused the module.
    package var attempts: UInt64
    /// Milliseconds until it is offered again.
    package var retryIn: UInt64

    package static let candidFields = CandidFields(
      Halt.init(node:reason:attempts:retryIn:), CandidMember("node", \.node),
      CandidMember("reason", \.reason), CandidMember("attempts", \.attempts),
      CandidMember("retry_in", \.retryIn))
  }

  package static let candidFields = CandidFields(
    ModuleInfo.init(wanted:previous:accepted:nodes:isRolling:halt:),
    CandidMember("wanted", \.wanted), CandidMember("previous", \.previous),
    CandidMember("accepted", \.accepted), CandidMember("nodes", \.nodes),
    CandidMember("rolling", \.isRolling), CandidMember("halt", \.halt))
}

extension ModuleInfo {
  init(_ coordinator: Coordinator) {
    let machine = coordinator.machine
    wanted = machine.state.moduleDigest.flatMap(coordinator.description)
    previous = machine.state.previousModuleDigest.flatMap(coordinator.description)
    accepted = (machine.state.map.modules ?? []).map(SHA256.hexadecimal)
    nodes = machine.nodes.keys.sorted().map { node in
      Node(
        id: node, state: ClusterSummary.state(of: node, coordinator),
        sha256: machine.nodes[node]?.report?.moduleDigest.map(SHA256.hexadecimal))
    }
    isRolling = machine.state.isModuleRolling
    halt = machine.moduleHalt.map { node, failure in
      Halt(
        node: node, reason: failure.reason, attempts: failure.count,
        retryIn: failure.retryAt > coordinator.now ? failure.retryAt - coordinator.now : 0)
    }
  }
}

extension ModuleInfo.Description {
  package init(_ module: Module, _ interface: ModuleInterface) {
    self.init(digest: module.digest, bytes: module.bytes.count, interface)
  }

  init(digest: [UInt8], bytes: Int, _ interface: ModuleInterface?) {
    sha256 = SHA256.hexadecimal(digest)
    self.bytes = UInt64(bytes)
    methods = (interface?.methods ?? []).map { method in
      ModuleInfo.Method(
        name: method.name, kind: method.isQuery ? "query" : "update",
        key: method.keyArgument.map { UInt32(clamping: $0) }, isKeyless: method.isKeyless)
    }
    candid = interface?.candidText
  }
}
