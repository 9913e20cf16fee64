/// Indexes below a capacity, each at most once, first in first out.
struct IndexQueue {
  private var ring: [Int]
  private var isQueued: [Bool]
  private var head = 0
  private var count = 0

  init(capacity: Int = 0) {
    ring = Array(repeating: 0, count: capacity)
    isQueued = Array(repeating: false, count: capacity)
  }

  var first: Int? { count > 0 ? ring[head] : nil }

  /// Nothing changes for one that is queued already.
  mutating func append(_ index: Int) {
    guard !isQueued[index] else { return }
    isQueued[index] = true
    var place = head + count
    if place >= ring.count { place -= ring.count }
    ring[place] = index
    count += 1
  }

  mutating func removeFirst() {
    guard count > 0 else { return }
    isQueued[ring[head]] = false
    head += 1
    if head == ring.count { head = 0 }
    count -= 1
  }
}
