import Glibc
import Testing

@testable import Commands

struct ArrivalScheduleTests {
  private func times(_ schedule: ArrivalSchedule, _ count: Int) -> [UInt64] {
    var schedule = schedule
    return (0..<count).map { _ in
      defer { schedule.advance() }
      return schedule.next
    }
  }

  @Test func `a constant rate keeps its distances and does not drift`() {
    let schedule = ArrivalSchedule(rate: 3_000, process: .constant, seed: 1)
    let times = times(schedule, 3_000_001)
    #expect(times[0] == 0)
    #expect(times[3] == 1_000_000)
    #expect(times[3_000_000] == 1_000_000_000_000)
  }

  @Test func `threads share a rate and together keep it`() {
    let all = (0..<3).flatMap { index in
      times(
        ArrivalSchedule(rate: 1_000, process: .constant, seed: 1, share: (index, 3)), 100)
    }
    #expect(all.sorted() == (0..<300).map { $0 * 1_000_000 })
  }

  @Test func `Poisson arrivals have exponential distances and follow from the seed`() {
    let count = 100_000
    let schedule = ArrivalSchedule(rate: 1_000, process: .poisson, seed: 7)
    let times = times(schedule, count)
    #expect(times == self.times(schedule, count))
    let distances = zip(times.dropFirst(), times).map { Double($0 - $1) / 1_000_000 }
    let mean = distances.reduce(0, +) / Double(distances.count)
    #expect((0.98...1.02).contains(mean))
    // Of an exponential distribution 1/e lies beyond the mean, and the deviation equals the mean.
    let beyond = Double(distances.count { $0 > 1 }) / Double(distances.count)
    #expect((0.36...0.376).contains(beyond))
    let variance = distances.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(distances.count)
    #expect((0.95...1.05).contains(variance))
  }
}

struct OpenLoopTests {
  private func loop(rate: Double = 1_000, until end: UInt64 = .max, limit: UInt64 = .max)
    -> OpenLoop
  {
    OpenLoop(
      ArrivalSchedule(rate: rate, process: .constant, seed: 1), until: end, limit: limit)
  }

  @Test func `a start is due at its time, and stays due until it is taken`() {
    var loop = loop()
    loop.advance(to: 0)
    #expect(loop.take() == 0)
    #expect(loop.take() == nil)
    #expect(loop.nextArrival == 1_000_000)
    loop.advance(to: 999_999)
    #expect(loop.take() == nil)
    loop.advance(to: 3_500_000)
    #expect(loop.behind == 3)
    #expect(loop.take() == 1_000_000)
    #expect(loop.take() == 2_000_000)
    #expect(loop.behind == 1)
  }

  @Test func `nothing arrives after the end or beyond the limit`() {
    var ending = loop(until: 2_000_000)
    ending.advance(to: .max)
    #expect(ending.behind == 2)
    #expect(ending.hasArrived && ending.nextArrival == nil)
    var limited = loop(limit: 5)
    limited.advance(to: .max)
    #expect(limited.behind == 5)
  }

  @Test func `what is behind is bounded, whatever the time`() {
    var loop = loop(rate: 100_000_000)
    loop.advance(to: .max, limit: 1_000)
    #expect(loop.behind == 1_000)
    #expect(loop.take() == 0)
  }

  /// A target with one place that takes 100 µs a request, and once stands still for a second.
  private func response(_ latencies: inout Latencies, closed: Bool) -> Int {
    let stall: ClosedRange<UInt64> = 5_000_000_000...6_000_000_000
    let end: UInt64 = 10_000_000_000
    var loop = loop(until: end)
    var now: UInt64 = 0
    var sent = 0
    while now < end {
      loop.advance(to: now)
      var intended = now
      if !closed {
        guard let due = loop.take() else {
          guard let next = loop.nextArrival else { break }
          now = next
          continue
        }
        intended = due
      }
      sent += 1
      var done = now + 100_000
      if stall.contains(done) { done = stall.upperBound + 100_000 }
      latencies.record(nanoseconds: done - intended)
      // A generator that waits for the answer keeps its distance from it.
      now = closed ? max(done, now + 1_000_000) : done
    }
    return sent
  }

  @Test("A stall of a tenth of the time shows in the percentiles, though one answer was slow")
  func coordinatedOmission() {
    var waiting = Latencies()
    let few = response(&waiting, closed: true)
    var open = Latencies()
    let all = response(&open, closed: false)
    #expect(all == 10_000)
    #expect(few < 9_100)
    // The generator that waits saw one slow answer and calls the target fast.
    #expect(waiting.summary.p999 < 200_000)
    // Those that should have been sent meanwhile waited half a second on average.
    #expect(open.summary.p50 < 200_000)
    #expect(open.summary.p99 > 850_000_000)
    #expect(open.summary.mean > 40_000_000)
  }
}

struct KeyChooserTests {
  private func counts(
    _ distribution: KeyChooser.Distribution, keys: Int, draws: Int, seed: UInt64 = 5
  ) -> [Int] {
    var chooser = KeyChooser(distribution, keys: UInt64(keys))
    var generator = SplitMix64(seed: seed)
    var counts = Array(repeating: 0, count: keys)
    for _ in 0..<draws { counts[Int(chooser.next(&generator))] += 1 }
    return counts
  }

  /// Pearson's statistic. With k classes it is about k - 1, give or take sqrt(2 k) a deviation.
  private func chiSquare(_ counts: [Int], _ weights: [Double]) -> Double {
    let draws = Double(counts.reduce(0, +))
    let total = weights.reduce(0, +)
    return zip(counts, weights).reduce(0) { sum, pair in
      let expected = draws * pair.1 / total
      return sum + (Double(pair.0) - expected) * (Double(pair.0) - expected) / expected
    }
  }

  @Test func `uniform keys are equally likely`() {
    let counts = counts(.uniform, keys: 100, draws: 100_000)
    #expect((50...155).contains(chiSquare(counts, Array(repeating: 1, count: 100))))
  }

  @Test(arguments: [0.5, 0.99, 1, 1.2, 3])
  func `zipf's ranks have their probabilities`(exponent: Double) {
    let ranks = ZipfRanks(count: 50, exponent: exponent)
    var generator = SplitMix64(seed: 11)
    var counts = Array(repeating: 0, count: 50)
    for _ in 0..<200_000 {
      let rank = ranks.next(&generator)
      guard (1...50).contains(rank) else {
        Issue.record("rank \(rank)")
        return
      }
      counts[Int(rank) - 1] += 1
    }
    var weights = (1...50).map { pow(Double($0), -exponent) }
    // Classes that expect few are one class.
    while counts.count > 2, weights[weights.count - 1] / weights.reduce(0, +) < 0.0005 {
      counts[counts.count - 2] += counts.removeLast()
      weights[weights.count - 2] += weights.removeLast()
    }
    #expect(chiSquare(counts, weights) < Double(counts.count) + 4 * 10)
  }

  @Test func `a hundred million keys need no table, and one key is enough`() {
    var generator = SplitMix64(seed: 3)
    let many = ZipfRanks(count: 100_000_000, exponent: 0.99)
    let draws = (0..<20_000).map { _ in many.next(&generator) }
    #expect(draws.allSatisfy { (1...100_000_000).contains($0) })
    // The harmonic number of the exponent is about 21.
    let first = Double(draws.count { $0 == 1 }) / 20_000
    #expect((0.038...0.056).contains(first))
    let one = ZipfRanks(count: 1, exponent: 0.99)
    #expect((0..<100).allSatisfy { _ in one.next(&generator) == 1 })
  }

  @Test(arguments: [1, 2, 3, 10, 97, 1_000, 1_024, 10_000])
  func `ranks are spread over the keys, one for one`(count: Int) {
    let scramble = KeyScramble(count: UInt64(count))
    let keys = (0..<count).map { scramble.key(ofRank: UInt64($0)) }
    #expect(Set(keys).count == count)
    #expect(keys.allSatisfy { $0 < UInt64(count) })
    guard count >= 97 else { return }
    let hottest = keys.prefix(5).sorted()
    #expect(zip(hottest.dropFirst(), hottest).allSatisfy { Int($0 - $1) > count / 20 })
  }

  @Test func `the hottest keys of zipf are as hot as their rank says`() {
    let counts = counts(.zipf(exponent: 0.99), keys: 1_000, draws: 50_000).sorted(by: >)
    #expect((1.7...2.4).contains(Double(counts[0]) / Double(counts[1])))
  }

  @Test func `threads go through sequential keys together`() {
    var generator = SplitMix64(seed: 1)
    var seen = Array(repeating: 0, count: 10)
    for thread in 0..<3 {
      var chooser = KeyChooser(.sequential, keys: 10, share: (thread, 3))
      let share = thread == 0 ? 4 : 3
      for _ in 0..<share { seen[Int(chooser.next(&generator))] += 1 }
    }
    #expect(seen == Array(repeating: 1, count: 10))
  }
}

struct IndexQueueTests {
  @Test func `indexes come out in order, each once`() {
    var queue = IndexQueue(capacity: 3)
    #expect(queue.first == nil)
    for index in [2, 0, 2, 1, 0] { queue.append(index) }
    var order: [Int] = []
    for _ in 0..<5 {
      guard let index = queue.first else { break }
      order.append(index)
      queue.removeFirst()
    }
    #expect(order == [2, 0, 1])
    queue.append(0)
    #expect(queue.first == 0)
  }
}
