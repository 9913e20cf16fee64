/// Names a scheduled call, so that it can be cancelled.
public struct TimerID: Hashable, Sendable {
  let number: UInt64
}

/// A binary heap of deadlines. Equal deadlines fire in the order of scheduling.
///
/// Cancelling removes the body at once and leaves the heap's entry, which is dropped when it
/// surfaces or when such entries outnumber the live ones.
struct TimerQueue {
  private struct Entry {
    let deadline: MonotonicTime
    let number: UInt64

    func isBefore(_ other: Entry) -> Bool {
      deadline == other.deadline ? number < other.number : deadline < other.deadline
    }
  }

  private var heap: [Entry] = []
  private var bodies: [UInt64: () -> Void] = [:]
  private var nextNumber: UInt64 = 0

  var count: Int { bodies.count }

  /// O(log n).
  mutating func add(at deadline: MonotonicTime, _ body: @escaping () -> Void) -> TimerID {
    let entry = Entry(deadline: deadline, number: nextNumber)
    nextNumber &+= 1
    bodies[entry.number] = body
    heap.append(entry)
    siftUp(heap.count - 1)
    return TimerID(number: entry.number)
  }

  /// Amortised O(1).
  mutating func remove(_ timer: TimerID) {
    guard bodies.removeValue(forKey: timer.number) != nil else { return }
    if heap.count > 64, heap.count > 2 * bodies.count { compact() }
  }

  /// The earliest live deadline.
  mutating func nextDeadline() -> MonotonicTime? {
    while let first = heap.first {
      if bodies[first.number] != nil { return first.deadline }
      removeFirst()
    }
    return nil
  }

  /// Takes the earliest body whose deadline is not after `now` and that was scheduled before
  /// `bound`, so that a timer that schedules itself cannot keep a turn from ending.
  mutating func popDue(now: MonotonicTime, before bound: UInt64) -> (() -> Void)? {
    guard let deadline = nextDeadline(), deadline <= now, let first = heap.first,
      first.number < bound
    else { return nil }
    removeFirst()
    return bodies.removeValue(forKey: first.number)
  }

  /// Timers scheduled from here on have numbers of at least this.
  var bound: UInt64 { nextNumber }

  private mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    siftDown(0)
  }

  private mutating func compact() {
    heap.removeAll { bodies[$0.number] == nil }
    for index in stride(from: heap.count / 2, through: 0, by: -1) { siftDown(index) }
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      guard heap[index].isBefore(heap[parent]) else { return }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
        if heap[child].isBefore(heap[least]) { least = child }
      }
      guard least != index else { return }
      heap.swapAt(index, least)
      index = least
    }
  }
}
