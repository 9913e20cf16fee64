/// Things that wait for an answer, each under a ticket. Adding and taking allocate nothing once the
/// table has grown. O(1).
struct TicketTable<Waiter> {
  private struct Place {
    var generation: UInt32 = 0
    var waiter: Waiter?
  }

  private var places: [Place] = []
  private var free: [UInt32] = []

  /// How many wait.
  var count: Int { places.count - free.count }

  /// Returns a ticket that no other waiter has, nor had lately.
  mutating func add(_ waiter: Waiter) -> UInt64 {
    guard let index = free.popLast() else {
      places.append(Place(waiter: waiter))
      return UInt64(places.count - 1)
    }
    places[Int(index)].waiter = waiter
    return UInt64(places[Int(index)].generation) << 32 | UInt64(index)
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
