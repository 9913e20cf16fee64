public import Candid
public import Placement

/// What everyone in the cluster must agree on: the ring, and where its members are.
public struct ClusterMap: Hashable, Sendable {
  public let ring: HashRing
  /// Grows with every change, also with those that leave the ring as it is.
  public var revision: UInt64
  /// `host:port` of each member.
  public var addresses: [Principal: String]
  /// `host:port` of the gateway that hosts the coordinator, where a node fetches a newer map.
  public var coordinator: String?
  /// SHA-256 digests of the modules that may serve calls: one, or several while a new one comes to
  /// the nodes. Nil in maps that tell nothing of modules: then any may.
  public var modules: [[UInt8]]?

  /// The owners by the ring's slots.
  private let slots: [Principal?]
  /// The members in the order in which they joined.
  public let members: [Principal]

  /// - Throws: `ClusterError` with code `.malformed` when a member's id is not a principal.
  public init(
    ring: HashRing, revision: UInt64, addresses: [Principal: String], coordinator: String? = nil,
    modules: [[UInt8]]? = nil
  ) throws(ClusterError) {
    self.ring = ring
    self.coordinator = coordinator
    self.modules = modules
    self.revision = revision
    self.addresses = addresses
    slots = try ring.slots.map { slot throws(ClusterError) in
      try slot.map { member throws(ClusterError) in try ClusterMap.principal(member) }
    }
    members = try ring.members.map { member throws(ClusterError) in
      try ClusterMap.principal(member)
    }
  }

  private static func principal(_ member: MemberID) throws(ClusterError) -> Principal {
    do throws(CandidError) {
      return try Principal(member.bytes)
    } catch {
      throw ClusterError(.malformed, "a member of the ring is not a principal: \(error.message)")
    }
  }

  /// The first ring of a cluster: one member, at `epoch`.
  public static func founding(
    _ node: Principal, address: String?, hashKey: HashKey, capacity: Int, epoch: UInt64 = 1
  ) throws(ClusterError) -> ClusterMap {
    let ring: HashRing
    do throws(PlacementError) {
      ring = try HashRing(hashKey: hashKey, capacity: capacity)
        .joining(MemberID(bytes: node.bytes), epoch: epoch)
    } catch {
      throw ClusterError(.conflict, error.message)
    }
    return try ClusterMap(ring: ring, revision: 1, addresses: address.map { [node: $0] } ?? [:])
  }

  /// The map after the nodes, which answer at these addresses, have joined in this order. Each
  /// takes an epoch; the last takes `epoch`.
  public func joining(
    _ nodes: [(id: Principal, address: String)], epoch: UInt64
  ) throws(ClusterError) -> ClusterMap {
    var addresses = addresses
    for node in nodes { addresses[node.id] = node.address }
    return try changed(nodes.map { .join(MemberID(bytes: $0.id.bytes)) }, epoch, addresses)
  }

  /// The map after the nodes have left in this order. Each takes an epoch; the last takes `epoch`.
  public func leaving(_ nodes: [Principal], epoch: UInt64) throws(ClusterError) -> ClusterMap {
    let addresses = addresses.filter { !nodes.contains($0.key) }
    return try changed(nodes.map { .leave(MemberID(bytes: $0.bytes)) }, epoch, addresses)
  }

  private func changed(
    _ operations: [HashRing.Operation], _ epoch: UInt64, _ addresses: [Principal: String]
  ) throws(ClusterError) -> ClusterMap {
    var next = ring
    guard epoch >= operations.count else {
      throw ClusterError(.staleEpoch, "epoch \(epoch) leaves no room for the change")
    }
    do throws(PlacementError) {
      for (index, operation) in operations.enumerated() {
        let later = UInt64(operations.count - 1 - index)
        next =
          switch operation {
          case .join(let member): try next.joining(member, epoch: epoch - later)
          case .leave(let member): try next.leaving(member, epoch: epoch - later)
          }
      }
    } catch {
      throw ClusterError(.conflict, error.message)
    }
    return try ClusterMap(
      ring: next, revision: revision + 1, addresses: addresses, coordinator: coordinator,
      modules: modules)
  }

  /// The member that owns `key`; nil on an empty ring. Without allocation.
  public func owner(of key: [UInt8]) -> Principal? {
    guard let slot = ring.ownerIndex(of: key), slots.indices.contains(slot) else { return nil }
    return slots[slot]
  }

  /// The member that owns `key`; nil on an empty ring. Without allocation.
  package func owner(of key: UnsafeRawBufferPointer) -> Principal? {
    guard let slot = ring.ownerIndex(of: key), slots.indices.contains(slot) else { return nil }
    return slots[slot]
  }

  public func contains(_ node: Principal) -> Bool {
    slots.contains(node)
  }

  /// Whether `node` may own keys here that it does not own in `earlier`: it is new, or others left.
  func givesKeys(to node: Principal, over earlier: ClusterMap) -> Bool {
    guard contains(node) else { return false }
    return !earlier.contains(node) || earlier.members.contains { !contains($0) }
  }

  /// Whether `node` may own keys in `earlier` that it does not own here: it left, or others are
  /// new. No other key moves, which is what AnchorHash is for.
  func takesKeys(from node: Principal, over earlier: ClusterMap) -> Bool {
    guard earlier.contains(node) else { return false }
    return !contains(node) || members.contains { !earlier.contains($0) }
  }

  /// Whether `node` was a member and is none any more. O(log of the ring).
  public func hasLeft(_ node: Principal) -> Bool {
    !contains(node) && ring.log.contains(.leave(MemberID(bytes: node.bytes)))
  }

  /// The members next to `node` in the order of joining, which closes to a circle.
  public func neighbours(of node: Principal) -> (previous: Principal?, next: Principal?) {
    guard members.count > 1, let index = members.firstIndex(of: node) else { return (nil, nil) }
    return (
      members[(index + members.count - 1) % members.count], members[(index + 1) % members.count]
    )
  }

  /// The digest as it is shown: 16 hexadecimal digits.
  public var digestText: String {
    let digits = String(ring.digest, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// A map that many requests ask: by reference, since a copy would count a reference for each of its
/// parts.
final class SharedMap: Sendable {
  let map: ClusterMap

  init(_ map: ClusterMap) { self.map = map }

  func owner(of key: UnsafeRawBufferPointer) -> Principal? { map.owner(of: key) }
  var epoch: UInt64 { map.ring.epoch }
  func acceptsModule(_ digest: [UInt8]) -> Bool { map.modules?.contains(digest) ?? true }
}
