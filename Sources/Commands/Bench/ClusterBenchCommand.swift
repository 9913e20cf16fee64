import ArgumentParser
import HTTPTransport

/// `scaled-storage bench`.
struct ClusterBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster", abstract: "Measure a running cluster.",
    discussion: """
      A closed loop: each stream sends its next request when the last one is answered. Keys are \
      stored first, then chosen uniformly. With --counters, streams increment counters by \
      compare-and-set, and the end tells whether an increment was lost (exit status 1).

        scaled-storage bench --connections 4 --streams 64 --duration 10
        scaled-storage bench --requests 1000000 --read-ratio 0.5 --value-bytes 1000
        scaled-storage bench --counters 100 --duration 30 --json
      """)

  @Option(help: "Connections to each node.")
  var connections = 1

  @Option(help: "Requests under way on each connection.")
  var streams = 32

  @Option(help: "How many seconds to measure. (default: 10)")
  var duration: Double?

  @Option(help: "How many requests to send instead.")
  var requests: UInt64?

  @Option(help: "The share of reads, 0 to 1.")
  var readRatio = 0.9

  @Option(help: "Bytes of a value.")
  var valueBytes = 100

  @Option(help: "How many keys there are.")
  var keys = 10_000

  @Option(help: "Increment this many counters by compare-and-set instead.")
  var counters: Int?

  @Option(help: "Repeats the choices of a run with this seed. (default: random)")
  var seed: UInt64?

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    try ClusterBenchCommand.check(connections, in: 1...256, "--connections")
    try ClusterBenchCommand.check(streams, in: 1...1_024, "--streams")
    try ClusterBenchCommand.check(valueBytes, in: 0...(16 << 20), "--value-bytes")
    try ClusterBenchCommand.check(keys, in: 1...100_000_000, "--keys")
    try ClusterBenchCommand.check(counters ?? 1, in: 1...1_000_000, "--counters")
    guard duration == nil || requests == nil else {
      throw ValidationError("--duration and --requests exclude each other")
    }
    guard (duration ?? 1) > 0, (duration ?? 1) <= 86_400 else {
      throw ValidationError("--duration is a number of seconds, more than 0 and at most 86400")
    }
    guard requests != 0 else { throw ValidationError("--requests is at least 1") }
    guard (0...1).contains(readRatio) else { throw ValidationError("--read-ratio is 0 to 1") }
  }

  private static func check(_ value: Int, in range: ClosedRange<Int>, _ name: String) throws {
    guard range.contains(value) else {
      throw ValidationError("\(name) is \(range.lowerBound) to \(range.upperBound)")
    }
  }

  func run() throws {
    let fleet = try ConnectionFleet(cluster, count: connections, streams: streams)
    let seed = seed ?? .random(in: 0 ... .max)
    let extent: BenchExtent =
      requests.map { .requests($0) } ?? .duration(.seconds(duration ?? 10))
    var outcome: BenchOutcome
    if let counters {
      let run = CounterRun(fleet, counters: counters, seed: seed, extent: extent)
      outcome = try run.run()
    } else {
      let run = MixedRun(
        fleet, keys: keys, valueBytes: valueBytes, readRatio: readRatio, seed: seed,
        extent: extent)
      outcome = try run.run()
    }
    outcome.connections = connections
    outcome.streams = streams
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(outcome.text)
    }
    if !outcome.isSound { throw ExitCode.failure }
  }
}

/// When a measurement ends.
enum BenchExtent {
  case duration(Duration)
  case requests(UInt64)
}

/// Several connections that share a loop, with the streams spread over them.
final class ConnectionFleet {
  let connections: [ClusterConnection]
  let streams: Int

  init(_ options: ClusterOptions, count: Int, streams: Int) throws {
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 1
    limits.maxStreamsPerConnection = streams
    let first = try options.connect(
      connectPatience: .seconds(options.timeout), limits: limits)
    var connections = [first]
    for _ in 1..<max(count, 1) {
      connections.append(
        try options.connect(
          on: first.loop, connectPatience: .seconds(options.timeout), limits: limits))
    }
    self.connections = connections
    self.streams = streams
  }

  /// How many requests are under way at a time.
  var concurrency: Int { connections.count * streams }

  /// The connection of a stream.
  func connection(_ stream: Int) -> ClusterConnection { connections[stream % connections.count] }

  func run(_ pump: Pump) {
    connections[0].run(pump)
  }

  var loop: EventLoop { connections[0].loop }
}
