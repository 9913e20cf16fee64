/// Things that wait for an answer, each under a ticket. Adding and taking allocate nothing once the
/// table has grown. O(1).
struct TicketTable<Waiter> {
  private struct Place {
    var generation: UInt32 = 0
    var waiter: Waiter?
  }

  private var places: [Place] = []
  private var free: [UInt32] = []

  /// The ticket of the waiter that is added next: no other has it, nor had it lately.
  var next: UInt64 {
    guard let index = free.last else { return UInt64(places.count) }
    return UInt64(places[Int(index)].generation) << 32 | UInt64(index)
  }

  /// Adds a waiter under the ``next`` ticket.
  mutating func add(_ waiter: Waiter) {
    guard let index = free.popLast() else {
      places.append(Place(waiter: waiter))
      return
    }
    places[Int(index)].waiter = waiter
  }

  /// Ends all waiting.
  mutating func takeAll() -> [Waiter] {
    let waiters = places.compactMap(\.waiter)
    for index in places.indices where places[index].waiter != nil {
      places[index].waiter = nil
      places[index].generation &+= 1
      free.append(UInt32(index))
    }
    return waiters
  }

  /// Ends the waiting; nil when the ticket was taken before.
  mutating func take(_ ticket: UInt64) -> Waiter? {
    let index = Int(ticket & 0xffff_ffff)
    guard index < places.count, places[index].generation == ticket >> 32,
      let waiter = places[index].waiter
    else { return nil }
    places[index].waiter = nil
    places[index].generation &+= 1
    free.append(UInt32(index))
    return waiter
  }
}
