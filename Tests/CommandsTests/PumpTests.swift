import Testing

@testable import Commands

struct PumpTests {
  /// Operations that finish when the test says so.
  private final class Operations {
    var done: [() -> Void] = []

    func finishFirst() {
      guard !done.isEmpty else { return }
      done.removeFirst()()
    }
  }

  @Test func `never more than the limit are under way, and the end comes once`() {
    let operations = Operations()
    var started = 0
    var ends = 0
    let pump = Pump(limit: 3) { done in
      guard started < 10 else { return .exhausted }
      started += 1
      operations.done.append(done)
      return .started
    }
    pump.onEnd = { ends += 1 }
    pump.fill()
    #expect(started == 3)
    var most = 0
    while !operations.done.isEmpty {
      most = max(most, pump.underWay)
      operations.finishFirst()
    }
    #expect(most == 3)
    #expect(started == 10)
    #expect(ends == 1)
  }

  @Test func `operations that finish at once need no stack`() {
    var started = 0
    let pump = Pump(limit: 1) { done in
      guard started < 200_000 else { return .exhausted }
      started += 1
      done()
      return .started
    }
    pump.fill()
    #expect(started == 200_000)
    #expect(pump.hasEnded)
  }

  @Test func `what is blocked starts when another finishes`() {
    let operations = Operations()
    var isFree = true
    var started = 0
    let pump = Pump(limit: 8) { done in
      guard started < 2 else { return .exhausted }
      guard isFree else { return .blocked }
      isFree = false
      started += 1
      operations.done.append {
        isFree = true
        done()
      }
      return .started
    }
    pump.fill()
    #expect(started == 1)
    operations.finishFirst()
    #expect(started == 2)
    #expect(!pump.hasEnded)
    operations.finishFirst()
    #expect(pump.hasEnded)
  }

  @Test func `after a stop, what is under way is finished`() {
    let operations = Operations()
    var started = 0
    let pump = Pump(limit: 2) { done in
      started += 1
      operations.done.append(done)
      return .started
    }
    pump.fill()
    pump.stop()
    #expect(!pump.hasEnded)
    operations.finishFirst()
    operations.finishFirst()
    #expect(pump.hasEnded)
    #expect(started == 2)
  }
}
