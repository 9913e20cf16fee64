import Cluster
import HTTPTransport
import Testing

@testable import Commands

struct LoaderTests {
  private func load(
    _ text: String, _ cluster: FakeCluster, _ folder: TemporaryFolder, concurrency: Int = 16
  ) throws -> (loader: Loader, path: String, resume: ResumeFile, reports: [String]) {
    let path = try folder.write("file", Array(text.utf8))
    let resume = ResumeFile(path: path + ".loaded", of: path)
    var reader = try LineReader(path: path)
    let progress = try resume.read()
    if let progress { try reader.seek(line: progress.lines, offset: progress.offset) }
    var reports: [String] = []
    let loader = Loader(
      reader, connection: try cluster.connect(), resume: resume, from: progress ?? LoadProgress()
    ) { reports.append($0) }
    try loader.run(concurrency: concurrency)
    return (loader, path, resume, reports)
  }

  @Test func `every usable line is stored, and the others are reported`() throws {
    let cluster = try FakeCluster()
    let folder = try TemporaryFolder()
    let long = String(repeating: "x", count: 1_025)
    let run = try load("a\n\nb\tvalue\n\(long)\nc\n", cluster, folder)
    #expect(
      run.loader.progress
        == LoadProgress(lines: 5, offset: 1_039, stored: 3, empty: 1, refused: 1))
    #expect(cluster.value("a") == "1")
    #expect(cluster.value("b") == "value")
    #expect(cluster.value("c") == "5")
    #expect(run.reports.count == 1)
    #expect(run.reports.first?.hasPrefix("line 4: ") == true)
    #expect(try run.resume.read() == nil)
  }

  @Test func `the last of several lines with one key prevails`() throws {
    let cluster = try FakeCluster()
    let folder = try TemporaryFolder()
    let text = (1...500).map { "key\($0 % 3)\t\($0)" }.joined(separator: "\n")
    let run = try load(text, cluster, folder, concurrency: 64)
    #expect(run.loader.progress.stored == 500)
    #expect(cluster.value("key0") == "498")
    #expect(cluster.value("key1") == "499")
    #expect(cluster.value("key2") == "500")
    let verifier = LoadVerifier(
      try LineReader(path: run.path), connection: try cluster.connect(), nodes: [], seed: 1)
    verifier.run(concurrency: 64)
    #expect(verifier.checked == 500)
    #expect(verifier.differingLines.isEmpty)
  }

  @Test func `an interrupted load goes on where it was`() throws {
    let cluster = try FakeCluster()
    let folder = try TemporaryFolder()
    let text = (1...1_000).map { "key\($0)" }.joined(separator: "\n")
    let path = try folder.write("file", Array(text.utf8))
    let resume = ResumeFile(path: path + ".loaded", of: path)
    let loader = Loader(
      try LineReader(path: path), connection: try cluster.connect(), resume: resume,
      from: LoadProgress()
    ) { _ in }
    var writes = 0
    cluster.willStore = { _ in
      writes += 1
      if writes == 300 { loader.interrupt() }
    }
    try loader.run(concurrency: 16)
    let progress = try #require(try resume.read())
    #expect((284...316).contains(progress.lines))
    #expect(progress == loader.progress)

    let second = try load(text, cluster, folder)
    #expect(second.loader.progress.lines == 1_000)
    #expect(second.loader.progress.stored == 1_000)
    #expect(writes <= 1_000 + 16)
    #expect(cluster.count == 1_000)
    #expect(try resume.read() == nil)
  }

  @Test func `values that differ, or are missing, are found`() throws {
    let cluster = try FakeCluster()
    let folder = try TemporaryFolder()
    let run = try load("a\nb\nc", cluster, folder)
    let nodes = try cluster.connect().memberAddresses()
    #expect(nodes.count == 2)
    cluster.distort = { $0 == Array("2".utf8) ? [0] : $0 }
    let verifier = LoadVerifier(
      try LineReader(path: run.path), connection: try cluster.connect(), nodes: nodes, seed: 1)
    verifier.run(concurrency: 2)
    #expect(verifier.differingLines == [2])
    let other = try folder.write("other", Array("a\nb\nmissing".utf8))
    cluster.distort = { $0 }
    let second = LoadVerifier(
      try LineReader(path: other), connection: try cluster.connect(), nodes: nodes, seed: 1)
    second.run(concurrency: 2)
    #expect(second.differingLines == [3])
  }
}

struct StressTests {
  private func stress(
    _ cluster: FakeCluster, count: Int = 500, seed: UInt64 = 1, settle: Duration = .seconds(20)
  ) throws -> StressOutcome {
    try StressTest(
      cluster.connect(), pairs: RandomPairs(seed: seed, valueBytes: 50), count: count,
      concurrency: 32, settle: settle
    ).run()
  }

  @Test func `a sound cluster passes, twice with the same seed`() throws {
    let cluster = try FakeCluster()
    let first = try stress(cluster)
    #expect(first.pass, "\(first.faults)")
    #expect(first.keysStored == 500)
    #expect(first.keysPerNode.reduce(0, +) == 500)
    #expect(first.text.hasSuffix("PASS\n"))
    let second = try stress(cluster)
    #expect(second.pass, "\(second.faults)")
    #expect(second.keysBefore == 500)
    #expect(second.keysExpected == 500)
  }

  @Test func `a single wrong byte fails`() throws {
    let cluster = try FakeCluster()
    let wrong = RandomPairs(seed: 1, valueBytes: 50).pair(123).value
    cluster.distort = { $0 == wrong ? $0.dropLast() + [0] : $0 }
    let outcome = try stress(cluster)
    #expect(!outcome.pass)
    #expect(outcome.differing == 1)
    #expect(outcome.text.hasSuffix("FAIL\n"))
  }

  @Test func `a cluster that does not settle fails`() throws {
    let cluster = try FakeCluster()
    cluster.isSettled = false
    let outcome = try stress(cluster, settle: .zero)
    #expect(!outcome.pass)
    #expect(outcome.settleSeconds == nil)
  }

  @Test func `pairs follow from the seed and are all different`() {
    let pairs = RandomPairs(seed: 9, valueBytes: 20)
    #expect(pairs.pair(4).key == RandomPairs(seed: 9, valueBytes: 20).pair(4).key)
    #expect(pairs.pair(4).key != RandomPairs(seed: 10, valueBytes: 20).pair(4).key)
    let keys = Set((0..<10_000).map { pairs.pair($0).key })
    #expect(keys.count == 10_000)
    #expect((0..<1_000).allSatisfy { (1...20).contains(pairs.pair($0).value.count) })
  }
}

struct UploadTests {
  @Test(arguments: [(1, [2]), (10, [2]), (11, [0, 2]), (30, [0, 1, 2]), (31, [0, 1, 1, 2])])
  func `a module is sent in chunks that fill it exactly`(size: Int, positions: [UInt8]) {
    let module = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
    let chunks = UploadCommand.chunks(of: module, size: 10)
    #expect(chunks.map(\.position) == positions)
    #expect(chunks.flatMap(\.chunk) == module)
    #expect(chunks.map(\.offset) == (0..<chunks.count).map { UInt64($0 * 10) })
    #expect(chunks.last?.sha256 == SHA256.digest(module))
    #expect(chunks.dropLast().allSatisfy { $0.sha256 == nil })
  }
}

struct CounterOutcomeTests {
  private func outcome(failed: UInt64, lost: UInt64, gained: UInt64 = 0) -> CounterOutcome {
    CounterOutcome(
      seed: 1, seconds: 1, requests: 10, failed: failed, perSecond: 10,
      counters: CounterOutcome.Counters(
        counters: 1, increments: 5, conflicts: 0, uncertain: failed, lost: lost, gained: gained,
        longestWriteNs: 0, longestPauseNs: 0))
  }

  @Test func `a lost or doubled increment makes counters unsound, a failure does not`() {
    #expect(outcome(failed: 3, lost: 0).isSound)
    #expect(!outcome(failed: 0, lost: 1).isSound)
    #expect(!outcome(failed: 0, lost: 0, gained: 1).isSound)
    #expect(outcome(failed: 0, lost: 1).text.contains("1 increments were LOST"))
  }
}
