import Candid
import Cluster
import Testing
import WireProtocol

@testable import Commands

struct OutputTests {
  @Test func `a table aligns words on the left and numbers on the right`() {
    var table = TextTable("NAME", "#KEYS", "STATE")
    table.add("a", "1,000", "member")
    table.add("longer", "7")
    #expect(
      table.text == """
        NAME     KEYS  STATE
        a       1,000  member
        longer      7

        """)
  }

  @Test func `a table shows no control characters`() {
    var table = TextTable("A")
    table.add("x\u{1b}[2Jy\nz")
    #expect(table.text == "A\nx?[2Jy?z\n")
  }

  @Test(
    arguments: [
      (0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567"),
      (UInt64.max, "18,446,744,073,709,551,615"),
    ] as [(UInt64, String)])
  func `numbers are grouped by thousands`(number: UInt64, text: String) {
    #expect(Figures.grouped(number) == text)
  }

  @Test(
    arguments: [
      (0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (3 << 30, "3.0 GiB"),
      (UInt64.max, "16.0 EiB"),
    ] as [(UInt64, String)])
  func `bytes have units`(count: UInt64, text: String) {
    #expect(Figures.bytes(count) == text)
  }

  @Test(
    arguments: [
      (0, "0 µs"), (850_400, "850 µs"), (12_345_000, "12.3 ms"), (2_500_000_000, "2.50 s"),
    ] as [(UInt64, String)])
  func `times have units`(nanoseconds: UInt64, text: String) {
    #expect(Figures.time(nanoseconds) == text)
  }

  @Test func `numbers that cannot be shown do no harm`() {
    #expect(Figures.fixed(.nan, places: 2) == "?")
    #expect(Figures.fixed(.infinity, places: 2) == "?")
    #expect(Figures.fixed(1e300, places: 2) == "?")
    #expect(Figures.fixed(2.005, places: 0) == "2")
    #expect(Figures.fixed(0.05, places: 3) == "0.050")
    #expect(Figures.clock(.infinity) == "-:--")
    #expect(Figures.clock(3_725) == "1:02:05")
    #expect(Figures.clock(65) == "1:05")
  }

  @Test func `progress is a bar on a terminal and a sentence elsewhere`() {
    let bar = ProgressDisplay("load", unit: "lines", isTerminal: true)
    #expect(
      bar.line(500, fraction: 0.5, after: 2)
        == "load [############............] 50%  500 lines  250/s  ETA 0:02")
    let plain = ProgressDisplay("load", unit: "lines", isTerminal: false)
    #expect(plain.line(0, fraction: 0, after: 0) == "load 0%  0 lines  0/s  ETA -:--")
  }

  @Test func `percentiles are those of what was recorded`() {
    var latencies = Latencies()
    for microseconds in 1...1_000 { latencies.record(nanoseconds: UInt64(microseconds) * 1_000) }
    let summary = latencies.summary
    #expect(latencies.count == 1_000)
    #expect((500_000...501_000).contains(summary.p50))
    #expect((990_000...992_000).contains(summary.p99))
    #expect(summary.max >= 1_000_000)
    latencies.record(nanoseconds: .max)
    #expect(latencies.summary.max >= 3_599_000_000_000)
  }

  @Test func `nothing recorded gives zeros`() {
    #expect(Latencies().summary.text == "p50 0 µs, p99 0 µs, p99.9 0 µs, max 0 µs")
  }

  @Test func `info shows what is known of each node`() {
    let info = NodeInfo.sample(keys: 1_234, bytes: 2_048)
    let nodes = [
      NodeListing(id: .node1, address: "127.0.0.1:1", state: "member", info: info),
      NodeListing(id: .node2, address: nil, state: "launching", info: nil),
    ]
    let lines = InfoCommand.table(nodes).split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[1].contains("1,234  2.0 KiB"))
    #expect(lines[1].hasPrefix("rrkah-fqaaa-aaaaa-aaaaq-cai"))
    #expect(lines[2].contains("launching"))
    #expect(InfoCommand.summary(info, nodes).hasPrefix("2 nodes, Ready, 1,234 keys, 2.0 KiB"))
  }

  @Test func `a cluster in error says why`() {
    var info = NodeInfo.sample(keys: 1, bytes: 1)
    info.status = .error(.broadcast("1 of 2 nodes do not serve: x"))
    #expect(InfoCommand.summary(info, []).hasSuffix("1 of 2 nodes do not serve: x\n"))
  }
}

struct ServerProblemTests {
  private static let document = """
    {"type":"about:blank","title":"Not found","status":404,\
    "detail":"there is no value under this key","code":"not_found","retryable":false}
    """

  @Test func `the server's sentence is shown, from JSON`() {
    let problem = ServerProblem(
      status: 404, contentType: "application/problem+json; charset=utf-8",
      body: Array(Self.document.utf8))
    #expect(problem.sentence == "there is no value under this key (status 404, not_found)")
    #expect(!problem.isRetryable)
  }

  @Test func `the server's sentence is shown, from Candid text`() {
    let text = """
      (record { status = 503 : nat16; title = "Not ready"; code = "busy"; "type" = "about:blank"; \
      detail = "come back later"; retryable = true })
      """
    let problem = ServerProblem(status: 503, contentType: "text/candid", body: Array(text.utf8))
    #expect(problem.sentence == "come back later (status 503, busy)")
    #expect(problem.isRetryable)
  }

  @Test func `a document with a sentence only is enough`() {
    let problem = ServerProblem(
      status: 502, contentType: "application/problem+json",
      body: Array(#"{"detail":"no such host","instance":"/x"}"#.utf8))
    #expect(problem.sentence == "no such host (status 502)")
    #expect(!problem.isRetryable)
  }

  @Test func `the server's sentence is shown, from binary Candid`() throws {
    let body = try CandidBinary.encode(
      [.record(fields: ["detail": .text("gone"), "code": .text("x"), "status": .nat16(404)])],
      as: CandidSignature([.record(fields: ["detail": .text, "code": .text, "status": .nat16])]))
    let problem = ServerProblem(status: 404, contentType: "application/candid", body: body)
    #expect(problem.detail == "gone")
  }

  @Test func `any other body still becomes one line`() {
    let page = ServerProblem(
      status: 502, contentType: "text/html", body: Array("<h1>Bad\ngateway</h1>".utf8))
    #expect(page.sentence == "<h1>Bad gateway</h1> (status 502)")
    let nothing = ServerProblem(status: 500, contentType: nil, body: [])
    #expect(nothing.sentence == "without saying why (status 500)")
  }
}
