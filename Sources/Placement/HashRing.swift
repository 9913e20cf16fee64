/// Who owns which key: an epoch, the cluster's hash key, and the ordered log of joins and leaves.
///
/// A ring is a value. It is the log, never the set of members: the same members in another order
/// place keys elsewhere, so every party replays one log.
public struct HashRing: Sendable {
  /// One entry of the log.
  public enum Operation: Hashable, Sendable {
    case join(MemberID)
    case leave(MemberID)
  }

  /// The longest log. The log is kept whole, because placement depends on its order.
  public static let maximumLogLength = 1 << 16

  /// Grows with every change; 0 for a ring that never had a member.
  public private(set) var epoch: UInt64
  public let hashKey: HashKey
  /// All joins and leaves, oldest first.
  public private(set) var log: [Operation] = []
  /// The members by bucket: ``ownerIndex(of:)-([UInt8])`` points in here. nil is a vacant bucket.
  public private(set) var slots: [MemberID?] = []
  /// The members, in the order in which they joined.
  public private(set) var members: [MemberID] = []
  /// Equal for rings of equal epoch, capacity, variant, hash key and log; it reveals no key.
  public private(set) var digest: UInt64 = 0

  private var anchor: AnchorHash
  private var slotOfMember: [MemberID: Int] = [:]

  /// The most members that the ring can have.
  public var capacity: Int { anchor.capacity }
  public var variant: AnchorHash.Variant { anchor.variant }

  /// An empty ring of epoch 0. O(capacity).
  ///
  /// - Throws: `invalidCapacity`.
  public init(
    hashKey: HashKey, capacity: Int, variant: AnchorHash.Variant = .production
  ) throws(PlacementError) {
    self.hashKey = hashKey
    epoch = 0
    anchor = try AnchorHash(capacity: capacity, variant: variant)
    digest = computeDigest()
  }

  /// Replays a log. O(capacity + log).
  ///
  /// - Throws: what ``joining(_:epoch:)`` and ``leaving(_:epoch:)`` throw, with the index of the
  ///   operation that was refused; `staleEpoch` when operations come with epoch 0.
  public init(
    hashKey: HashKey, capacity: Int, epoch: UInt64, log: [Operation],
    variant: AnchorHash.Variant = .production
  ) throws(PlacementError) {
    try self.init(hashKey: hashKey, capacity: capacity, variant: variant)
    guard epoch > 0 || log.isEmpty else {
      throw PlacementError(.staleEpoch, "epoch 0 belongs to the ring without any operation")
    }
    for (index, operation) in log.enumerated() {
      do throws(PlacementError) {
        try apply(operation)
      } catch {
        throw PlacementError(error.code, error.message, logIndex: index)
      }
    }
    self.epoch = epoch
    digest = computeDigest()
  }

  /// The ring after `member` joined. O(log), for the digest.
  ///
  /// - Throws: `staleEpoch`, `alreadyMember`, `invalidMember`, `ringFull`, `logFull`.
  public func joining(_ member: MemberID, epoch: UInt64) throws(PlacementError) -> HashRing {
    try changed(.join(member), epoch)
  }

  /// The ring after `member` left. O(log), for the digest.
  ///
  /// - Throws: `staleEpoch`, `notMember`, `logFull`.
  public func leaving(_ member: MemberID, epoch: UInt64) throws(PlacementError) -> HashRing {
    try changed(.leave(member), epoch)
  }

  /// Whether `member` is in the ring. O(1).
  public func contains(_ member: MemberID) -> Bool {
    slotOfMember[member] != nil
  }

  /// The index of `member` in ``slots``, to compare with ``ownerIndex(of:)-([UInt8])``: a node asks
  /// once for its own, and then knows for each key whether it is its. O(1).
  public func index(of member: MemberID) -> Int? {
    slotOfMember[member]
  }

  /// The index into ``slots`` of the member that owns `key`, or nil on an empty ring.
  /// Allocation-free with the production variant.
  public func ownerIndex(of key: UnsafeRawBufferPointer) -> Int? {
    switch anchor.variant {
    case .production:
      return anchor.lookup(HighwayHash.hash(key, key: hashKey))
    case .reference:
      // The original hashed strings as its language does: the bytes, then 0xff.
      var bytes = [UInt8](key)
      bytes.append(0xff)
      return anchor.lookup(HighwayHash.hash(bytes, key: hashKey))
    }
  }

  /// The index into ``slots`` of the member that owns `key`, or nil on an empty ring.
  public func ownerIndex(of key: [UInt8]) -> Int? {
    key.withUnsafeBytes { ownerIndex(of: $0) }
  }

  /// The member that owns `key`, or nil on an empty ring.
  public func owner(of key: UnsafeRawBufferPointer) -> MemberID? {
    guard let index = ownerIndex(of: key), slots.indices.contains(index) else { return nil }
    return slots[index]
  }

  /// The member that owns `key`, or nil on an empty ring.
  public func owner(of key: [UInt8]) -> MemberID? {
    key.withUnsafeBytes { owner(of: $0) }
  }

  private func changed(
    _ operation: Operation, _ newEpoch: UInt64
  ) throws(PlacementError) -> HashRing {
    guard newEpoch > epoch else {
      throw PlacementError(
        .staleEpoch, "epoch \(newEpoch) is not after the ring's epoch \(epoch)")
    }
    var ring = self
    try ring.apply(operation)
    ring.epoch = newEpoch
    ring.digest = ring.computeDigest()
    return ring
  }

  private mutating func apply(_ operation: Operation) throws(PlacementError) {
    guard log.count < Self.maximumLogLength else {
      throw PlacementError(
        .logFull, "the ring's log holds its \(Self.maximumLogLength) operations already")
    }
    switch operation {
    case .join(let member): try join(member)
    case .leave(let member): try leave(member)
    }
    log.append(operation)
  }

  private mutating func join(_ member: MemberID) throws(PlacementError) {
    guard (1...MemberID.maximumByteCount).contains(member.bytes.count) else {
      throw PlacementError(
        .invalidMember,
        "a member id has 1 to \(MemberID.maximumByteCount) bytes, not \(member.bytes.count)")
    }
    guard slotOfMember[member] == nil else {
      throw PlacementError(.alreadyMember, "the member is in the ring already")
    }
    guard let bucket = anchor.add() else {
      throw PlacementError(
        .ringFull, "all \(capacity) places of the ring are taken; remove a member first")
    }
    while slots.count <= bucket { slots.append(nil) }
    slots[bucket] = member
    slotOfMember[member] = bucket
    members.append(member)
  }

  private mutating func leave(_ member: MemberID) throws(PlacementError) {
    guard let bucket = slotOfMember.removeValue(forKey: member) else {
      throw PlacementError(.notMember, "the member is not in the ring")
    }
    anchor.remove(bucket)
    slots[bucket] = nil
    members.removeAll { $0 == member }
  }
}

extension HashRing: Hashable {
  public static func == (a: HashRing, b: HashRing) -> Bool {
    a.digest == b.digest && a.epoch == b.epoch && a.hashKey == b.hashKey
      && a.capacity == b.capacity && a.variant == b.variant && a.log == b.log
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(digest)
  }
}

extension HashRing {
  /// Version 1 of the canonical form, all integers little-endian: "ring", version, variant,
  /// epoch, capacity, fingerprint of the hash key, count of operations, then each one's kind (1
  /// join, 2 leave), length and bytes.
  private func computeDigest() -> UInt64 {
    var bytes: [UInt8] = Array("ring".utf8)
    bytes.append(1)
    bytes.append(variant.rawValue)
    epoch.appendLittleEndian(to: &bytes)
    UInt32(capacity).appendLittleEndian(to: &bytes)
    // A hash of a constant under the key: two keys differ in it, and it cannot be turned back.
    HighwayHash.hash(Array("fingerprint".utf8), key: hashKey).appendLittleEndian(to: &bytes)
    UInt32(log.count).appendLittleEndian(to: &bytes)
    for operation in log {
      let member: MemberID
      switch operation {
      case .join(let joined):
        bytes.append(1)
        member = joined
      case .leave(let left):
        bytes.append(2)
        member = left
      }
      UInt32(member.bytes.count).appendLittleEndian(to: &bytes)
      bytes.append(contentsOf: member.bytes)
    }
    return HighwayHash.hash(bytes, key: Self.digestKey)
  }

  /// Fixed, so that every program computes the same digest. Not a secret.
  private static let digestKey = HashKey(
    0x7363_616c_6564_2d73, 0x746f_7261_6765_2d72, 0x696e_672d_6469_6765, 0x7374_2d76_3100_0000)
}
