import Candid
package import Cluster
package import HTTPTransport
import Placement

/// Where keys live by one map, with the owners' addresses looked up: what a proxy needs of a map
/// for each request, without a copy and without a search.
package final class RouteTable {
  /// One member that owns keys.
  package final class Owner {
    let id: Principal
    let address: String
    let peer: PeerReference
    /// What was passed on to it.
    let count: ForwardCounts.Count

    init(id: Principal, address: String, peer: PeerReference, count: ForwardCounts.Count) {
      self.count = count
      self.id = id
      self.address = address
      self.peer = peer
    }
  }

  let epoch: UInt64
  package let revision: UInt64
  /// The epoch as it is sent.
  let epochText: [UInt8]
  private let ring: HashRing
  /// By the ring's slots; nil for what is vacant or has no address yet.
  private let owners: [Owner?]
  /// The member that joined first, where calls without a key go.
  let first: Owner?

  /// O(slots of the ring).
  package init(_ map: ClusterMap, client: HTTPClient, counts: ForwardCounts) {
    epoch = map.ring.epoch
    revision = map.revision
    epochText = Array(String(map.ring.epoch).utf8)
    ring = map.ring
    let owners = map.ring.slots.map { slot -> Owner? in
      guard let slot, let id = try? Principal(slot.bytes), let text = map.addresses[id],
        let address = try? SocketAddress(text)
      else { return nil }
      return Owner(
        id: id, address: text, peer: client.reference(to: address), count: counts.count(of: id))
    }
    self.owners = owners
    first = owners.lazy.compactMap { $0 }.first { $0.id == map.members.first }
  }

  /// The member with this id; nil when it has no address yet. Linear in the ring's slots.
  func owner(named id: Principal) -> Owner? {
    owners.lazy.compactMap { $0 }.first { $0.id == id }
  }

  /// Who owns a key; nil when that is not known yet. Allocates nothing.
  func owner(of key: UnsafeRawBufferPointer) -> Owner? {
    guard let slot = ring.ownerIndex(of: key), slot < owners.count else { return nil }
    return owners[slot]
  }
}

/// The route table of the map in force, made again when the map changes.
package final class Routes {
  package let client: HTTPClient
  package let counts = ForwardCounts()
  private var current: RouteTable?

  package init(client: HTTPClient) {
    self.client = client
  }

  /// The table made last, if it is of this revision.
  package func table(revision: UInt64) -> RouteTable? {
    current?.revision == revision ? current : nil
  }

  package func renew(_ map: ClusterMap) -> RouteTable {
    counts.keep(Set(map.members))
    let table = RouteTable(map, client: client, counts: counts)
    current = table
    return table
  }

  package func table(_ map: ClusterMap?) -> RouteTable? {
    guard let map else { return nil }
    return table(revision: map.revision) ?? renew(map)
  }
}
