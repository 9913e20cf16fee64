import Testing

@testable import ScaledStorage

@Suite("Who waits for an answer")
struct TicketTableTests {
  @Test("Each waiter is taken once, by the ticket that was next when it was added")
  func takenOnce() {
    var table = TicketTable<String>()
    var tickets: [UInt64] = []
    for name in ["a", "b", "c"] {
      tickets.append(table.next)
      table.add(name)
    }
    #expect(Set(tickets).count == 3)
    #expect(table.take(tickets[1]) == "b")
    #expect(table.take(tickets[1]) == nil)
    #expect(table.take(tickets[0]) == "a")
    #expect(table.take(tickets[2]) == "c")
  }

  @Test("A ticket that was taken stays void when its place is used again")
  func staleTicket() {
    var table = TicketTable<String>()
    let first = table.next
    table.add("first")
    #expect(table.take(first) == "first")
    let second = table.next
    table.add("second")
    #expect(second != first)
    #expect(table.take(first) == nil)
    #expect(table.take(second) == "second")
    #expect(table.take(.max) == nil)
  }
}
