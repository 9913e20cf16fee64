import Candid
import Cluster
import HTTPTransport
import Placement

/// Where keys live, as far as this client knows: by the ring, where it may see the placement, else
/// by what answers told.
final class OwnerTable {
  /// A node of the cluster.
  final class Node {
    /// As `ss-node` names it.
    let name: [UInt8]
    /// Nil while its name is being looked up.
    var address: SocketAddress?
    /// Nobody is sent there before this, since it could not be reached.
    private var avoidedUntil = MonotonicTime(nanoseconds: 0)
    private var pause = Backoff(from: .milliseconds(200), to: .seconds(5))

    init(name: [UInt8]) {
      self.name = name
    }

    func isUsable(at time: MonotonicTime) -> Bool { address != nil && avoidedUntil <= time }

    func failed(at time: MonotonicTime) { avoidedUntil = time + pause.next() }

    func answered() {
      guard avoidedUntil.nanoseconds > 0 else { return }
      avoidedUntil = MonotonicTime(nanoseconds: 0)
      pause = Backoff(from: .milliseconds(200), to: .seconds(5))
    }
  }

  /// The epoch of the ring that is known, 0 for none.
  private var epoch: UInt64 = 0
  /// The newest epoch that anyone told of.
  private var heard: UInt64 = 0
  private var map: ClusterMap?
  /// By the ring's slots.
  private var owners: [Node?] = []
  private var nodes: [[UInt8]: Node] = [:]
  private var learned = LearnedOwners<Node>()

  private static let maximumNodes = 16_384

  var hasPlacement: Bool { map != nil }
  /// Whether there is a newer ring than the one that is known.
  var isStale: Bool { heard > epoch }

  /// Who owns a key; nil when that is not known. O(1).
  func owner(of key: [UInt8]) -> Node? {
    guard let map else { return learned.owner(of: key) }
    guard let slot = map.ring.ownerIndex(of: key), slot < owners.count else { return nil }
    return owners[slot]
  }

  /// The node that goes by a name, known or not.
  func node(named name: some Collection<UInt8>) -> Node {
    let name = Array(name)
    if let known = nodes[name] { return known }
    if nodes.count >= OwnerTable.maximumNodes {
      nodes = [:]
      learned.forgetAll()
    }
    let node = Node(name: name)
    nodes[name] = node
    return node
  }

  /// Takes a ring; one that is older than what is known is left alone.
  /// - Parameter resolve: looks up the address of a node.
  func install(_ ring: RingPlacement, resolve: (Node, String) -> Void) {
    let placed = ring.placement
    let newest = placed?.ring.epoch ?? ring.epoch
    guard newest >= epoch, (placed?.revision ?? 0) >= (map?.revision ?? 0) else { return }
    hear(of: newest)
    epoch = newest
    var addresses: [(Principal, String)] = ring.members.compactMap { member in
      member.address.map { (member.id, $0) }
    }
    if let placed {
      map = placed
      addresses = placed.addresses.map { ($0.key, $0.value) }
      owners = placed.ring.slots.map { slot in
        guard let slot, let id = try? Principal(slot.bytes) else { return nil }
        return node(named: id.text.utf8)
      }
    }
    let members = Set(addresses.map { Array($0.0.text.utf8) })
    nodes = nodes.filter { members.contains($0.key) }
    for (id, address) in addresses { resolve(node(named: id.text.utf8), address) }
  }

  /// An answer told of an epoch. What was learned in earlier ones is forgotten: keys have moved.
  func hear(of newest: UInt64) {
    guard newest > heard else { return }
    heard = newest
    learned.forgetAll()
  }

  /// An answer told who owns a key.
  func learn(_ key: [UInt8], _ node: Node) {
    guard map == nil else { return }
    learned.learn(key, node)
  }
}

/// The owners of the keys that were asked for last, by the keys' hashes: two keys that share one
/// cost a hop, and never more.
struct LearnedOwners<Owner: AnyObject> {
  private var slots: [(hash: Int, owner: Owner?)] = []
  private static var capacity: Int { 16_384 }

  func owner(of key: [UInt8]) -> Owner? {
    guard !slots.isEmpty else { return nil }
    let hash = key.hashValue
    let slot = slots[place(hash)]
    return slot.hash == hash ? slot.owner : nil
  }

  mutating func learn(_ key: [UInt8], _ owner: Owner) {
    if slots.isEmpty { slots = Array(repeating: (0, nil), count: Self.capacity) }
    let hash = key.hashValue
    slots[place(hash)] = (hash, owner)
  }

  mutating func forgetAll() { slots = [] }

  private func place(_ hash: Int) -> Int { hash & (slots.count - 1) }
}
