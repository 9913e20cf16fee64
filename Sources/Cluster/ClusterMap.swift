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

  /// The owners by the ring's slots.
  private let slots: [Principal?]
  /// The members in the order in which they joined.
  public let members: [Principal]

  /// - Throws: `ClusterError` with code `.malformed` when a member's id is not a principal.
  public init(
    ring: HashRing, revision: UInt64, addresses: [Principal: String], coordinator: String? = nil
  ) throws(ClusterError) {
    self.ring = ring
    self.coordinator = coordinator
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

  /// The map after `node`, which answers at `address`, has joined.
  public func joining(
    _ node: Principal, address: String, epoch: UInt64
  ) throws(ClusterError) -> ClusterMap {
    let next: HashRing
    do throws(PlacementError) {
      next = try ring.joining(MemberID(bytes: node.bytes), epoch: epoch)
    } catch {
      throw ClusterError(.conflict, error.message)
    }
    var addresses = addresses
    addresses[node] = address
    return try ClusterMap(
      ring: next, revision: revision + 1, addresses: addresses, coordinator: coordinator)
  }

  /// The member that owns `key`; nil on an empty ring. Without allocation.
  public func owner(of key: [UInt8]) -> Principal? {
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

// MARK: - Candid

extension ClusterMap: CandidConvertible {
  private static let format: UInt8 = 1
  private static let operationType = CandidType.variant(cases: [
    "Join": .principal, "Leave": .principal,
  ])
  private static let addressType = CandidType.record(fields: [
    "node": .principal, "address": .text,
  ])

  public static let candidType = CandidType.record(fields: [
    "format": .nat8, "epoch": .nat64, "revision": .nat64, "hash_key": .blob,
    "capacity": .nat32, "log": .vec(operationType), "addresses": .vec(addressType),
    "coordinator": .opt(.text),
  ])

  public var candidValue: CandidValue {
    let log = ring.log.map { operation -> CandidValue in
      switch operation {
      case .join(let member): ClusterMap.operation("Join", member)
      case .leave(let member): ClusterMap.operation("Leave", member)
      }
    }
    let addresses = addresses.sorted { $0.key < $1.key }.map { node, address in
      CandidValue.record(fields: ["node": .principal(node), "address": .text(address)])
    }
    return .record(fields: [
      "format": .nat8(ClusterMap.format), "epoch": .nat64(ring.epoch),
      "revision": .nat64(revision), "hash_key": .blob(ring.hashKey.bytes),
      "capacity": .nat32(UInt32(clamping: ring.capacity)), "log": .vec(log),
      "addresses": .vec(addresses), "coordinator": coordinator.candidValue,
    ])
  }

  private static func operation(_ name: String, _ member: MemberID) -> CandidValue {
    .variant(name, .principal((try? Principal(member.bytes)) ?? .anonymous))
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    let format: UInt8 = try record.field("format")
    guard format == ClusterMap.format else {
      throw CandidError(.typeMismatch, "a cluster map of the unknown format \(format)")
    }
    let capacity: UInt32 = try record.field("capacity")
    let log: [RingOperation] = try record.field("log")
    let addresses: [MemberAddress] = try record.field("addresses")
    do {
      let ring = try HashRing(
        hashKey: HashKey(bytes: record.field("hash_key")), capacity: Int(capacity),
        epoch: record.field("epoch"), log: log.map(\.operation))
      try self.init(
        ring: ring, revision: record.field("revision"),
        addresses: Dictionary(
          addresses.map { ($0.node, $0.address) }, uniquingKeysWith: { $1 }),
        coordinator: record.field("coordinator"))
    } catch let error as PlacementError {
      throw CandidError(.typeMismatch, "the ring cannot be rebuilt: \(error.message)")
    } catch let error as ClusterError {
      throw CandidError(.typeMismatch, error.message)
    } catch let error as CandidError {
      throw error
    } catch {
      throw CandidError(.typeMismatch, "the cluster map cannot be read")
    }
  }

  private struct RingOperation: CandidConvertible {
    let operation: HashRing.Operation

    static var candidType: CandidType { ClusterMap.operationType }

    var candidValue: CandidValue {
      switch operation {
      case .join(let member): ClusterMap.operation("Join", member)
      case .leave(let member): ClusterMap.operation("Leave", member)
      }
    }

    init(candidValue: CandidValue) throws(CandidError) {
      let variant = try CandidVariant(candidValue)
      let node: Principal = try variant.payload()
      let member = MemberID(bytes: node.bytes)
      switch variant.label {
      case "Join": operation = .join(member)
      case "Leave": operation = .leave(member)
      default: throw variant.unknownCase
      }
    }
  }

  private struct MemberAddress: CandidConvertible {
    let node: Principal
    let address: String

    static var candidType: CandidType { ClusterMap.addressType }
    var candidValue: CandidValue {
      .record(fields: ["node": .principal(node), "address": .text(address)])
    }

    init(candidValue: CandidValue) throws(CandidError) {
      let record = try CandidRecord(candidValue)
      node = try record.field("node")
      address = try record.field("address")
    }
  }
}
