/// An ordered map: sorted chunks of bounded size in a sorted list.
///
/// A copy shares every chunk until one of the two changes it, so a snapshot is a copy in O(1).
/// Look-up O(log n); insertion O(log n + chunk), and O(n / chunk) when a chunk splits.
struct OrderedTable: Sendable {
  private static let chunkCapacity = 512

  private(set) var byteCount = 0
  /// No chunk is empty.
  private var chunks: [[ScanEntry]] = []

  func get(_ key: [UInt8]) -> [UInt8]? {
    guard let place = find(key), place.found else { return nil }
    return chunks[place.chunk][place.index].value
  }

  mutating func put(_ key: [UInt8], _ value: [UInt8]) {
    let entry = ScanEntry(key: key, value: value)
    guard let place = find(key) else {
      chunks.append([entry])
      byteCount += key.count + value.count
      return
    }
    if place.found {
      byteCount += value.count - chunks[place.chunk][place.index].value.count
      chunks[place.chunk][place.index] = entry
      return
    }
    byteCount += key.count + value.count
    chunks[place.chunk].insert(entry, at: place.index)
    if chunks[place.chunk].count > Self.chunkCapacity { split(place.chunk) }
  }

  mutating func delete(_ key: [UInt8]) {
    guard let place = find(key), place.found else { return }
    remove(chunk: place.chunk, place.index..<(place.index + 1))
    if chunks[place.chunk].isEmpty { chunks.remove(at: place.chunk) }
  }

  mutating func deleteRange(from: [UInt8], upTo: [UInt8]) {
    guard ByteOrder.precedes(from, upTo), let first = find(from), let end = find(upTo) else {
      return
    }
    if first.chunk == end.chunk {
      remove(chunk: first.chunk, first.index..<end.index)
    } else {
      remove(chunk: first.chunk, first.index..<chunks[first.chunk].count)
      remove(chunk: end.chunk, 0..<end.index)
      for chunk in (first.chunk + 1)..<end.chunk { remove(chunk: chunk, chunks[chunk].indices) }
    }
    chunks.removeAll { $0.isEmpty }
  }

  func scan(from: [UInt8], upTo: [UInt8]?, limit: ScanLimit) -> ScanPage {
    var page = ScanPage()
    guard let start = find(from) else { return page }
    var bytes = 0
    var index = start.index
    for chunk in chunks[start.chunk...] {
      for entry in chunk[index...] {
        if let upTo, !ByteOrder.precedes(entry.key, upTo) { return page }
        let size = entry.key.count + entry.value.count
        let isFull = page.entries.count >= limit.count || size > limit.bytes - bytes
        if isFull && !page.entries.isEmpty {
          page.next = entry.key
          return page
        }
        bytes += size
        page.entries.append(entry)
      }
      index = 0
    }
    return page
  }

  /// Where `key` is or belongs: the last chunk that starts at or before it, and the first entry
  /// there that does not precede it. nil when the table is empty.
  private func find(_ key: [UInt8]) -> (chunk: Int, index: Int, found: Bool)? {
    guard !chunks.isEmpty else { return nil }
    var (low, high) = (0, chunks.count)
    while low < high {
      let middle = (low + high) / 2
      if ByteOrder.precedes(key, chunks[middle][0].key) { high = middle } else { low = middle + 1 }
    }
    let chunk = max(0, low - 1)
    (low, high) = (0, chunks[chunk].count)
    while low < high {
      let middle = (low + high) / 2
      if ByteOrder.precedes(chunks[chunk][middle].key, key) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    let found = low < chunks[chunk].count && chunks[chunk][low].key == key
    return (chunk, low, found)
  }

  private mutating func remove(chunk: Int, _ range: Range<Int>) {
    for entry in chunks[chunk][range] { byteCount -= entry.key.count + entry.value.count }
    chunks[chunk].removeSubrange(range)
  }

  private mutating func split(_ chunk: Int) {
    let middle = chunks[chunk].count / 2
    let upper = Array(chunks[chunk][middle...])
    chunks[chunk].removeSubrange(middle...)
    chunks.insert(upper, at: chunk + 1)
  }
}
