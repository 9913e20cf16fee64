/// The keys that are written but not yet known to be durable, each with the last write of it: later
/// writes build on that.
///
/// Keys and records lie in the batches of their turns; here is only where. Open addressing with
/// linear probing: nothing is allocated once the table has grown. O(1) expected.
struct PendingWrites {
  struct Write {
    var hash: UInt64
    /// The turn whose batch has the bytes; 0 marks a free slot.
    var sequence: UInt64
    var key: Range<Int>
    /// Empty when nothing is left under the key, not even a tombstone.
    var record: Range<Int>

    func isSame(as other: Write) -> Bool {
      sequence == other.sequence && key == other.key
    }
  }

  private var slots: [Write] = []
  private(set) var count = 0

  private static let free = Write(hash: 0, sequence: 0, key: 0..<0, record: 0..<0)
  private static let leastSlots = 64

  /// The last write of a key. `isKey` tells whether a write of the same hash is one of the key.
  func find(_ hash: UInt64, _ isKey: (Write) -> Bool) -> Write? {
    slot(of: hash, isKey).map { slots[$0] }
  }

  /// Adds the first write of a key.
  mutating func insert(_ write: Write) {
    if (count + 1) * 4 > slots.count * 3 { grow() }
    place(write)
    count += 1
  }

  /// Puts a later write of a key in the place of `write`, which was found here.
  mutating func replace(_ write: Write, with later: Write) {
    guard let slot = slot(of: write.hash, { $0.isSame(as: write) }) else { return }
    slots[slot] = later
  }

  /// Forgets `write`, which was found here.
  mutating func remove(_ write: Write) {
    guard let slot = slot(of: write.hash, { $0.isSame(as: write) }) else { return }
    let mask = slots.count - 1
    var hole = slot
    var next = (slot + 1) & mask
    while slots[next].sequence != 0 {
      let home = Int(truncatingIfNeeded: slots[next].hash) & mask
      if (next - home) & mask >= (next - hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    slots[hole] = PendingWrites.free
    count -= 1
  }

  mutating func removeAll() {
    slots = []
    count = 0
  }

  private func slot(of hash: UInt64, _ isKey: (Write) -> Bool) -> Int? {
    guard count > 0 else { return nil }
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot].sequence != 0 {
      if slots[slot].hash == hash, isKey(slots[slot]) { return slot }
      slot = (slot + 1) & mask
    }
    return nil
  }

  private mutating func place(_ write: Write) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: write.hash) & mask
    while slots[slot].sequence != 0 { slot = (slot + 1) & mask }
    slots[slot] = write
  }

  private mutating func grow() {
    let old = slots
    slots = Array(
      repeating: PendingWrites.free, count: max(PendingWrites.leastSlots, old.count * 2))
    for write in old where write.sequence != 0 { place(write) }
  }
}
