import HTTPTransport
import ScaledStorageClient
import WireProtocol

/// Reads every key of a load file back, through random nodes, and compares.
///
/// The last line with a key decides what has to be there, as it did when the lines were stored.
final class LoadVerifier {
  private let connection: ClusterEngine
  private let nodes: [SocketAddress]
  private var reader: LineReader
  private let total: UInt64
  private var generator: SplitMix64
  private var display = ProgressDisplay("verify", unit: "keys")
  private var waiting: (line: LineReader.Line, key: [UInt8], value: [UInt8])?
  private var keysUnderWay: Set<[UInt8]> = []
  /// Keys whose last line so far differs from what is stored, with the number of that line.
  private var differing: [[UInt8]: UInt64] = [:]
  private(set) var checked: UInt64 = 0
  private(set) var latencies = Latencies()
  private(set) var failure: CommandFailure?
  private var pump: Pump?

  private static let mostDifferences = 100_000

  init(
    _ reader: LineReader, connection: ClusterEngine, nodes: [SocketAddress], seed: UInt64
  ) {
    self.reader = reader
    self.connection = connection
    self.nodes = nodes
    total = reader.size
    generator = SplitMix64(seed: seed)
  }

  /// The lines whose value is not what is stored, in order.
  var differingLines: [UInt64] { differing.values.sorted() }

  func run(concurrency: Int) {
    let pump = Pump(limit: concurrency) { [self] done in step(done) }
    self.pump = pump
    connection.run(pump)
    self.pump = nil
    display.end()
  }

  private func step(_ done: @escaping () -> Void) -> Pump.Step {
    if let waiting {
      guard !keysUnderWay.contains(waiting.key) else { return .blocked }
      self.waiting = nil
      check(waiting.key, waiting.value, waiting.line, done)
      return .started
    }
    do throws(CommandFailure) {
      while let line = try reader.next() {
        guard case .pair(let key, let value) = LoadEntry(line) else { continue }
        guard !keysUnderWay.contains(key) else {
          waiting = (line, key, value)
          return .blocked
        }
        check(key, value, line, done)
        return .started
      }
    } catch {
      failure = failure ?? error
    }
    return .exhausted
  }

  private func check(
    _ key: [UInt8], _ value: [UInt8], _ line: LineReader.Line, _ done: @escaping () -> Void
  ) {
    keysUnderWay.insert(key)
    let begin = MonotonicTime.current()
    connection.send(.get(key), to: nodes.random(using: &generator)) { [self] result in
      keysUnderWay.remove(key)
      switch result {
      case .success(let reply) where reply.status == 200 || reply.status == 404:
        latencies.record(since: begin)
        compare(reply, key, value, line)
      case .success(let reply):
        fail(CommandFailure("line \(line.number): \(reply.problem.sentence)"))
      case .failure(let error):
        fail(CommandFailure("line \(line.number): \(error.description)"))
      }
      done()
    }
  }

  private func compare(
    _ reply: ClusterReply, _ key: [UInt8], _ value: [UInt8], _ line: LineReader.Line
  ) {
    checked += 1
    if reply.status == 200, reply.body == value {
      differing[key] = nil
    } else {
      differing[key] = line.number
      if differing.count >= LoadVerifier.mostDifferences {
        fail(CommandFailure("more than \(LoadVerifier.mostDifferences) keys differ"))
      }
    }
    display.update(checked, fraction: Double(line.end) / Double(max(total, 1)))
  }

  private func fail(_ error: CommandFailure) {
    failure = failure ?? error
    pump?.stop()
  }
}

extension Array {
  /// An element chosen at random, nil when there is none.
  func random(using generator: inout SplitMix64) -> Element? {
    isEmpty ? nil : self[Int(generator.next() % UInt64(count))]
  }
}
