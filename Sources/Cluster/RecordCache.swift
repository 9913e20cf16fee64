import Glibc

/// Durable records by key, in memory, up to a number of bytes: what is read often costs the store
/// nothing.
///
/// Records lie one after the other in a circular log, and the oldest make room for the newest; one
/// that is read while it is among the oldest is written again as the newest. Finding allocates
/// nothing; adding does only while the cache still grows. O(1) expected, O(size) when it doubles.
struct RecordCache {
  /// Bytes that records, keys and their headers may take; 0 keeps nothing. Besides, the index takes
  /// 11 to 21 bytes for each record.
  let limit: Int

  private var log: [UInt8] = []
  /// Where the next entry goes, and where the oldest lies.
  private var head = 0
  private var tail = 0
  /// Bytes between the oldest entry and the next, what is skipped at the end included.
  private var used = 0
  /// Where the entries before the last return to the start end; nil while none is before it.
  private var end: Int?
  /// Open addressing with linear probing: a tag of the hash, and the entry's offset.
  private var index: [UInt64] = []
  private var count = 0
  private var scratch: [UInt8] = []
  /// How often a record was found, and how often the store was read instead.
  private(set) var hits: UInt64 = 0
  var misses: UInt64 = 0

  /// An entry: hash, lengths of key and record, key, record; its size a multiple of eight.
  private static let headerCount = 16
  private static let leastLog = 1 << 16
  /// Records that take more than this part of the cache are not kept.
  private static let largestPart = 16

  /// Bytes of memory that are taken.
  var byteCount: Int { log.count + index.count * 8 }

  init(limit: Int) {
    self.limit = max(0, min(limit, 1 << 34)) & ~7
  }

  /// Hands the record under `key` to `body`. Returns nil when it is not here.
  mutating func find<Result>(
    _ key: HashedKey, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    guard let slot = slot(of: key) else { return nil }
    hits &+= 1
    let offset = RecordCache.offset(index[slot])
    let result = log.withUnsafeBytes { log in body(RecordCache.record(at: offset, in: log)) }
    if isOld(offset) { renew(key, at: offset) }
    return result
  }

  func contains(_ key: HashedKey) -> Bool { slot(of: key) != nil }

  /// Keeps `record` under `key` instead of what was there.
  mutating func put(_ key: HashedKey, _ record: UnsafeRawBufferPointer) {
    let size = RecordCache.entrySize(key.bytes.count, record.count)
    guard size <= limit / RecordCache.largestPart else {
      remove(key)
      return
    }
    if let slot = slot(of: key) {
      let offset = RecordCache.offset(index[slot])
      let isReplaced = log.withUnsafeMutableBytes { log in
        let old = RecordCache.record(at: offset, in: UnsafeRawBufferPointer(log))
        guard old.count == record.count else { return false }
        let start = offset + RecordCache.headerCount + key.bytes.count
        UnsafeMutableRawBufferPointer(rebasing: log[start..<start + record.count])
          .copyMemory(from: record)
        return true
      }
      if isReplaced { return }
      removeSlot(slot)
    }
    makeRoom(size)
    let offset = head
    log.withUnsafeMutableBytes { log in
      log.storeBytes(of: key.hash, toByteOffset: offset, as: UInt64.self)
      log.storeBytes(of: UInt32(key.bytes.count), toByteOffset: offset + 8, as: UInt32.self)
      log.storeBytes(of: UInt32(record.count), toByteOffset: offset + 12, as: UInt32.self)
      let start = offset + RecordCache.headerCount
      let middle = start + key.bytes.count
      UnsafeMutableRawBufferPointer(rebasing: log[start..<middle]).copyMemory(from: key.bytes)
      UnsafeMutableRawBufferPointer(rebasing: log[middle..<middle + record.count])
        .copyMemory(from: record)
    }
    head += size
    used += size
    insertSlot(key.hash, offset)
  }

  mutating func remove(_ key: HashedKey) {
    if let slot = slot(of: key) { removeSlot(slot) }
  }

  /// Forgets everything and keeps the memory.
  mutating func removeAll() {
    guard count > 0 || used > 0 else { return }
    (head, tail, used, end, count) = (0, 0, 0, nil, 0)
    for slot in index.indices { index[slot] = 0 }
  }

  // MARK: - The log

  private mutating func makeRoom(_ size: Int) {
    while true {
      if end != nil {
        if tail - head >= size { return }
        evictOldest()
        continue
      }
      if log.count - head >= size { return }
      if log.count < limit, tail == 0 {
        let wanted = max(log.count * 2, head + size, RecordCache.leastLog)
        let grown = min(limit, wanted)
        growLog(to: grown)
        continue
      }
      // The rest of the log is too short for the entry: it starts again at the front.
      end = head
      used += log.count - head
      head = 0
    }
  }

  /// Records are found all over the log: with small pages, most of the time would go into finding
  /// the pages. The advice has to come before the memory is touched.
  private mutating func growLog(to count: Int) {
    let grown = [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
      if let base = bytes.baseAddress, count >= 2 * RecordCache.largePage {
        let skipped = -Int(bitPattern: base) & (RecordCache.largePage - 1)
        madvise(base + skipped, count - skipped, MADV_HUGEPAGE)
      }
      // Appending a repeated element would go byte by byte in a debug build: seconds.
      let rest = bytes.initialize(fromContentsOf: log)
      bytes[rest...].initialize(repeating: 0)
      initialized = count
    }
    log = grown
  }

  private static let largePage = 2 << 20

  private mutating func evictOldest() {
    guard used > 0 else { return }
    let (hash, size) = log.withUnsafeBytes { log in
      (RecordCache.hash(at: tail, in: log), RecordCache.size(at: tail, in: log))
    }
    if let slot = slot(of: hash, at: tail) { removeSlot(slot) }
    tail += size
    used -= size
    if let end, tail == end {
      used -= log.count - end
      tail = 0
      self.end = nil
    }
    if used == 0 { (head, tail) = (0, 0) }
  }

  /// Whether an entry is in the oldest quarter of a full log.
  private func isOld(_ offset: Int) -> Bool {
    guard log.count == limit, used > limit / 8 * 7 else { return false }
    let age = offset >= tail ? offset - tail : log.count - tail + offset
    return age < limit / 4
  }

  private mutating func renew(_ key: HashedKey, at offset: Int) {
    var record = scratch
    scratch = []
    record.removeAll(keepingCapacity: true)
    log.withUnsafeBytes { record.append(contentsOf: RecordCache.record(at: offset, in: $0)) }
    remove(key)
    record.withUnsafeBytes { put(key, $0) }
    scratch = record
  }

  private static func entrySize(_ keyCount: Int, _ recordCount: Int) -> Int {
    (headerCount + keyCount + recordCount + 7) & ~7
  }

  private static func hash(at offset: Int, in log: UnsafeRawBufferPointer) -> UInt64 {
    log.load(fromByteOffset: offset, as: UInt64.self)
  }

  private static func counts(
    at offset: Int, in log: UnsafeRawBufferPointer
  ) -> (key: Int, record: Int) {
    (
      Int(log.load(fromByteOffset: offset + 8, as: UInt32.self)),
      Int(log.load(fromByteOffset: offset + 12, as: UInt32.self))
    )
  }

  private static func size(at offset: Int, in log: UnsafeRawBufferPointer) -> Int {
    let counts = counts(at: offset, in: log)
    return entrySize(counts.key, counts.record)
  }

  private static func record(
    at offset: Int, in log: UnsafeRawBufferPointer
  ) -> UnsafeRawBufferPointer {
    let counts = counts(at: offset, in: log)
    let start = offset + headerCount + counts.key
    return UnsafeRawBufferPointer(rebasing: log[start..<start + counts.record])
  }

  // MARK: - The index

  private static func entry(_ hash: UInt64, _ offset: Int) -> UInt64 {
    (hash >> 32) << 32 | UInt64(offset / 8 + 1)
  }

  private static func offset(_ entry: UInt64) -> Int { (Int(entry & 0xffff_ffff) - 1) * 8 }

  private func slot(of key: HashedKey) -> Int? {
    guard count > 0 else { return nil }
    let mask = index.count - 1
    return index.withUnsafeBufferPointer { index in
      log.withUnsafeBytes { log in
        var slot = Int(truncatingIfNeeded: key.hash) & mask
        while index[slot] != 0 {
          let entry = index[slot]
          if entry >> 32 == key.hash >> 32 {
            let offset = RecordCache.offset(entry)
            let start = offset + RecordCache.headerCount
            if RecordCache.hash(at: offset, in: log) == key.hash,
              RecordCache.counts(at: offset, in: log).key == key.bytes.count,
              key.equals(UnsafeRawBufferPointer(rebasing: log[start..<start + key.bytes.count]))
            {
              return slot
            }
          }
          slot = (slot + 1) & mask
        }
        return nil
      }
    }
  }

  /// The slot of the entry that lies at `offset`; nil when it was replaced.
  private func slot(of hash: UInt64, at offset: Int) -> Int? {
    guard count > 0 else { return nil }
    let mask = index.count - 1
    let wanted = RecordCache.entry(hash, offset)
    var slot = Int(truncatingIfNeeded: hash) & mask
    while index[slot] != 0 {
      if index[slot] == wanted { return slot }
      slot = (slot + 1) & mask
    }
    return nil
  }

  private mutating func insertSlot(_ hash: UInt64, _ offset: Int) {
    if (count + 1) * 4 > index.count * 3 { growIndex() }
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while index[slot] != 0 { slot = (slot + 1) & mask }
    index[slot] = RecordCache.entry(hash, offset)
    count += 1
  }

  private mutating func growIndex() {
    let old = index
    index = Array(repeating: 0, count: max(64, old.count * 2))
    let mask = index.count - 1
    for entry in old where entry != 0 {
      var slot = home(entry, mask)
      while index[slot] != 0 { slot = (slot + 1) & mask }
      index[slot] = entry
    }
  }

  private func home(_ entry: UInt64, _ mask: Int) -> Int {
    let hash = log.withUnsafeBytes { RecordCache.hash(at: RecordCache.offset(entry), in: $0) }
    return Int(truncatingIfNeeded: hash) & mask
  }

  /// Moves later entries of the probe sequence up, so that no mark has to be left (Knuth, The Art
  /// of Computer Programming, volume 3, section 6.4, algorithm R).
  private mutating func removeSlot(_ slot: Int) {
    let mask = index.count - 1
    var hole = slot
    var next = (slot + 1) & mask
    while index[next] != 0 {
      let home = home(index[next], mask)
      if (next - home) & mask >= (next - hole) & mask {
        index[hole] = index[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    index[hole] = 0
    count -= 1
  }
}
