/// Where a cluster keeps what under etcd's flat name space: all below `/scaled-storage/CLUSTER/`.
package struct EtcdKeys: Hashable, Sendable {
  /// What all keys of the cluster begin with; ends with a slash.
  package let prefix: [UInt8]

  /// - Parameter cluster: letters, digits, `-`, `_` and `.`, see ``isValid(cluster:)``.
  package init(cluster: String) {
    prefix = Array("/scaled-storage/\(cluster)/".utf8)
  }

  /// Whether a name can be a cluster's: 1 to 64 letters, digits, `-`, `_` and `.`, so that no
  /// cluster's keys lie below another's.
  package static func isValid(cluster: String) -> Bool {
    (1...64).contains(cluster.utf8.count)
      && cluster.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      }
  }

  /// The gateway that leads: bound to its lease; the revision that created it is the fencing token.
  package var leader: [UInt8] { key("leader") }
  /// The whole ring with its epoch.
  package var ring: [UInt8] { key("ring") }
  /// Who wrote the ring, with its fencing token: for whoever looks into the history.
  package var writer: [UInt8] { key("writer") }
  /// The instances that are wanted.
  package var desired: [UInt8] { key("desired") }
  /// What the registrations of all nodes begin with.
  package var members: [UInt8] { key("members/") }
  /// A node's registration, bound to its lease. `id` is the text of its principal.
  package func member(_ id: String) -> [UInt8] { key("members/\(id)") }
  /// The mark that the state was moved away: nobody may lead here.
  package var moved: [UInt8] { key("moved") }
  /// What tells this place from one of the same name in another etcd.
  package var identity: [UInt8] { key("identity") }
  /// What the keys of installed modules begin with: for each one that counts its parts.
  package var modules: [UInt8] { key("modules/") }
  /// `name` is a module's digest in hexadecimal.
  package func module(_ name: String) -> [UInt8] { key("modules/\(name)") }
  /// What the keys of a module's parts begin with.
  package func moduleParts(_ name: String) -> [UInt8] { key("module-parts/\(name)/") }
  package func modulePart(_ name: String, _ index: Int) -> [UInt8] {
    moduleParts(name) + Array(String(index).utf8)
  }

  private func key(_ name: String) -> [UInt8] { prefix + Array(name.utf8) }
}
