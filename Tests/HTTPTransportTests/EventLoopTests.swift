import Foundation
import HTTPTransport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct EventLoopTests {
  final class Log {
    var entries: [String] = []
  }

  @Test func timersFireInOrderAndCancelledOnesDoNot() throws {
    let loop = try EventLoop()
    let log = Log()
    loop.schedule(after: .milliseconds(8)) {
      log.entries.append("c")
      loop.stop()
    }
    loop.schedule(after: .milliseconds(2)) { log.entries.append("a") }
    loop.schedule(after: .milliseconds(2)) { log.entries.append("b") }
    let cancelled = loop.schedule(after: .milliseconds(1)) { log.entries.append("x") }
    loop.cancel(cancelled)
    loop.cancel(cancelled)
    loop.run()
    #expect(log.entries == ["a", "b", "c"])
  }

  @Test func manyTimersSurviveCancellation() throws {
    let loop = try EventLoop()
    let log = Log()
    let start = loop.now
    var timers: [(Int, TimerID)] = []
    // Within a turn, so that all delays count from the same time.
    loop.schedule(after: .zero) {
      for index in 0..<1_000 {
        let delay = (index * 7_919) % 1_000
        let timer = loop.schedule(after: .microseconds(delay)) { log.entries.append("\(delay)") }
        timers.append((delay, timer))
      }
      for (index, timer) in timers.enumerated() where index % 10 != 0 { loop.cancel(timer.1) }
      loop.schedule(after: .milliseconds(5)) { loop.stop() }
    }
    loop.run()
    let expected = timers.enumerated().filter { $0.offset % 10 == 0 }.map(\.element.0).sorted()
    #expect(log.entries == expected.map(String.init))
    #expect(loop.now - start >= .milliseconds(5))
  }

  @Test func aTimerThatSchedulesItselfLetsTheTurnEnd() throws {
    let loop = try EventLoop()
    let log = Log()
    func again() {
      log.entries.append("tick")
      if log.entries.count == 3 { loop.stop() } else { loop.schedule(after: .zero, again) }
    }
    loop.schedule(after: .zero, again)
    loop.atEndOfTurn { log.entries.append("end") }
    loop.run()
    #expect(log.entries == ["end", "tick", "tick"])
  }

  @Test func hooksRunInOrderAtTheEndOfTheTurn() throws {
    let loop = try EventLoop()
    let log = Log()
    loop.schedule(after: .zero) {
      loop.atEndOfTurn {
        log.entries.append("first")
        loop.atEndOfTurn { log.entries.append("nested") }
      }
      loop.atEndOfTurn { log.entries.append("second") }
      log.entries.append("body")
      loop.schedule(after: .zero) {
        log.entries.append("next turn")
        loop.stop()
      }
    }
    loop.run()
    #expect(log.entries == ["body", "first", "second", "nested", "next turn"])
  }

  @Test func lettersFromOtherThreadsArriveInOrder() throws {
    let loop = try EventLoop()
    let log = LoopBound(Log(), loop: loop)
    let bound = LoopBound(loop, loop: loop)
    let mailbox = loop.mailbox
    let count = 10_000
    Thread {
      for index in 0..<count { mailbox.post { log.value.entries.append("\(index)") } }
      mailbox.post { bound.value.stop() }
    }.start()
    loop.run()
    #expect(log.value.entries == (0..<count).map(String.init))
  }

  @Test func aLoopKnowsItsThread() throws {
    let loop = try EventLoop()
    let bound = LoopBound(loop, loop: loop)
    #expect(loop.isCurrent)
    let done = DispatchSemaphore(value: 0)
    let mailbox = loop.mailbox
    let seen = Mutex<Bool?>(nil)
    Thread {
      mailbox.post {
        seen.withLock { $0 = bound.value.isCurrent }
        bound.value.stop()
      }
      done.signal()
    }.start()
    loop.run()
    #expect(done.wait(timeout: .now() + 10) == .success)
    #expect(seen.withLock { $0 } == true)
  }

  @Test func aMailboxOutlivesItsLoop() throws {
    var loop: EventLoop? = try EventLoop()
    let mailbox = try #require(loop?.mailbox)
    #expect(mailbox.post {})
    loop = nil
    #expect(!mailbox.post {})
  }

  @Test func aLoopRunsAgainAfterItStopped() throws {
    let loop = try EventLoop()
    let log = Log()
    for name in ["one", "two"] {
      loop.schedule(after: .zero) {
        log.entries.append(name)
        loop.stop()
      }
      loop.run()
    }
    #expect(log.entries == ["one", "two"])
  }

  @Test func signalsAreDelivered() throws {
    let loop = try EventLoop()
    let log = Log()
    try loop.onSignals([SIGUSR1, SIGUSR2]) { [unowned loop] signal in
      log.entries.append("\(signal)")
      if log.entries.count == 2 { loop.stop() }
    }
    // To this thread only, which has them blocked; others of the test's process have not.
    pthread_kill(pthread_self(), SIGUSR1)
    pthread_kill(pthread_self(), SIGUSR2)
    loop.run()
    #expect(log.entries == ["\(SIGUSR1)", "\(SIGUSR2)"])
    #expect(throws: TransportError.self) { try loop.onSignals([9_999]) { _ in } }
  }

  @Test func monotonicTimeSaturates() {
    let end = MonotonicTime(nanoseconds: .max)
    #expect(end + .seconds(1) == end)
    #expect(MonotonicTime(nanoseconds: 5) + .seconds(-1) == MonotonicTime(nanoseconds: 5))
    #expect(MonotonicTime(nanoseconds: 5) - end == .zero)
    #expect(MonotonicTime(nanoseconds: 0) + .seconds(Int64.max) == end)
    #expect(MonotonicTime(nanoseconds: 7) - MonotonicTime(nanoseconds: 2) == .nanoseconds(5))
  }
}
