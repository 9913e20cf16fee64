import Testing

@testable import Commands

@Suite("bench candid")
struct CandidBenchmarkTests {
  @Test("measures encoding and decoding of each message, and a copy of it")
  func figures() throws {
    let figures = try CandidBenchmark(rounds: 1).run()
    let messages = Set(figures.map(\.message))
    #expect(
      messages == ["(text, text)", "node_info", "100 pairs", "1 MiB blob", "10,000 nat64"])
    for message in messages {
      let works = figures.filter { $0.message == message }.map(\.work)
      #expect(works.contains("encode"))
      #expect(works.contains { $0.hasPrefix("decode") })
    }
    #expect(figures.allSatisfy { $0.nanoseconds > 0 && $0.copyNanoseconds > 0 && $0.bytes > 0 })
    #expect(figures.first { $0.message == "(text, text)" }?.bytes == 30)
  }

  @Test("each workload does its work")
  func workloads() throws {
    for workload in try CandidWorkloads.all() {
      #expect(try workload.run(1) > 0, "\(workload.message), \(workload.work)")
    }
  }
}
