import Testing

@testable import HTTPTransport

@Suite struct AnswerTimesTests {
  private func times() throws -> AnswerTimes { AnswerTimes(loop: try EventLoop()) }

  @Test("A bucket's middle is within a sixteenth of every time in it")
  func buckets() {
    var time: UInt64 = 0
    var last = 0
    while time < 1 << 60 {
      let bucket = AnswerTimes.bucket(of: time)
      #expect(bucket >= last)
      last = bucket
      let middle = Double(AnswerTimes.middle(of: bucket))
      #expect(abs(middle - Double(time)) <= Double(time) / 16)
      time += max(1, time / 17)
    }
    #expect(AnswerTimes.bucket(of: .max) > last)
    #expect(AnswerTimes.middle(of: AnswerTimes.bucket(of: .max)) == .max)
  }

  @Test(
    "Percentiles are those of the sorted times",
    arguments: [
      ([5], 5, 5), ([1, 2, 3, 4], 2, 4), (Array(repeating: 1, count: 99) + [7], 1, 1),
      (Array(repeating: 1, count: 98) + [6, 7], 1, 6), (Array(repeating: 3, count: 250), 3, 3),
    ] as [([UInt64], Int64, Int64)])
  func percentiles(nanoseconds: [UInt64], median: Int64, slowest: Int64) throws {
    let times = try times()
    for time in nanoseconds { times.add(time) }
    let summary = times.take()
    #expect(summary.count == nanoseconds.count)
    #expect(summary.median == .nanoseconds(median))
    #expect(summary.slowestHundredth == .nanoseconds(slowest))
  }

  @Test("What was told once is not told again")
  func taking() throws {
    let times = try times()
    times.add(1_000_000)
    #expect(times.take().count == 1)
    #expect(times.take() == .init(count: 0, median: .zero, slowestHundredth: .zero))
  }

  @Test(
    "A server tells how long answers took, also those given later, but not those left out"
  )
  func server() throws {
    let harness = try ServerHarness()
    _ = try harness.onLoop { $0.server?.answerTimes.take() }
    let peer = try RawPeer(harness.address)
    for path in ["/hello", "/timer", "/untimed", "/hello"] {
      try peer.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
      _ = try peer.response()
    }
    let summary = try #require(try harness.onLoop { $0.server?.answerTimes.take() })
    #expect(summary.count == 3)
    #expect(summary.slowestHundredth > .milliseconds(18))
  }

  @Test("Answers are counted by kind and status, and their times fall into buckets")
  func totals() throws {
    let counts = AnswerCounts()
    for status in [200, 200, 503, 599, 77, -1, 9_999] { counts.count(3, status: status) }
    let time = AnswerCounts.bounds[2]
    counts.add(time, kind: 3, count: 2)
    counts.add(time + 1, kind: 3, count: 1)
    counts.add(.max, kind: 3, count: 1)
    let figures = counts.figures(of: 3)
    #expect(figures.byStatus.map(\.status) == [200, 503, 0])
    #expect(figures.byStatus.map(\.count) == [2, 1, 4])
    #expect(figures.buckets[2] == 2 && figures.buckets[3] == 1 && figures.buckets.last == 1)
    #expect(counts.figures(of: 2).byStatus.isEmpty)
    #expect(counts.count(ofStatus: 503) == 1)
  }

  @Test("What the transport refuses is counted by its reason, and as an answer")
  func refusals() throws {
    let harness = try ServerHarness()
    _ = try harness.onLoop { $0.server?.answerTimes.take() }
    let peer = try RawPeer(harness.address)
    try peer.send("GET /hello HTTP/1.1\r\nHost: a\r\nss-deadline: x\r\n\r\n")
    _ = try peer.response()
    let figures = try #require(try harness.onLoop { $0.server?.figures })
    #expect(figures.refusals.first { $0.reason == "malformed" }?.count == 1)
    #expect(figures.accepted == 1)
    let count = try harness.onLoop { $0.server?.answerTimes.totals.count(ofStatus: 400) }
    #expect(count == 1)
  }
}
