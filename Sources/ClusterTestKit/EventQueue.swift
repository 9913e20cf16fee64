/// A binary heap of events by time, then by order of arrival.
struct EventQueue {
  private var heap: [(time: UInt64, order: UInt64, slot: Int)] = []
  /// The events, where sorting does not move them: to copy a closure costs more than a number.
  private var events: [(() -> Void)?] = []
  private var free: [Int] = []
  private var nextOrder: UInt64 = 0

  var firstTime: UInt64? { heap.first?.time }

  mutating func push(time: UInt64, _ event: @escaping () -> Void) {
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
      events[slot] = event
    } else {
      slot = events.count
      events.append(event)
    }
    let entry = (time: time, order: nextOrder, slot: slot)
    nextOrder += 1
    heap.append(entry)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard precedes(entry, heap[parent]) else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = entry
  }

  mutating func pop() -> (() -> Void)? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty { sink(last) }
    let event = events[first.slot]
    events[first.slot] = nil
    free.append(first.slot)
    return event
  }

  /// Puts an entry in the place of the first one.
  private mutating func sink(_ entry: (time: UInt64, order: UInt64, slot: Int)) {
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, precedes(heap[child + 1], heap[child]) { child += 1 }
      guard precedes(heap[child], entry) else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = entry
  }

  private func precedes(
    _ a: (time: UInt64, order: UInt64, slot: Int), _ b: (time: UInt64, order: UInt64, slot: Int)
  ) -> Bool {
    a.time == b.time ? a.order < b.order : a.time < b.time
  }
}
