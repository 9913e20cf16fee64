import ArgumentParser
import HTTPTransport

/// `scaled-storage stress`.
struct StressCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stress", abstract: "Store random pairs, read them back, compare each.",
    discussion: """
      Stores through the gateway, waits until the cluster has stopped growing, then reads every \
      value back through random nodes. Prints rates, latencies, the spread of keys over nodes, and \
      PASS or FAIL (exit status 1). Other clients must not write meanwhile: keys are counted.

        scaled-storage stress 100000
        scaled-storage stress 10000 --seed 7 --concurrency 256 --json
      """)

  @Argument(help: "How many pairs.")
  var count: Int

  @Option(help: "Requests under way at a time.")
  var concurrency = 64

  @Option(help: "The longest value, in bytes.")
  var valueBytes = 100

  @Option(help: "Repeats the pairs of a run with this seed. (default: random)")
  var seed: UInt64?

  @Option(help: "How many seconds the cluster may take to settle after the writes.")
  var settle: Double = 120

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    guard (1...1_000_000_000).contains(count) else {
      throw ValidationError("the number of pairs is 1 to 1000000000")
    }
    guard (1...4_096).contains(concurrency) else {
      throw ValidationError("--concurrency is 1 to 4096")
    }
    guard (1...(16 << 20)).contains(valueBytes) else {
      throw ValidationError("--value-bytes is 1 to 16777216")
    }
    guard settle >= 0, settle <= 86_400 else {
      throw ValidationError("--settle is a number of seconds, at most 86400")
    }
  }

  func run() throws {
    let seed = seed ?? .random(in: 0 ... .max)
    let connection = try cluster.connect(connectPatience: .seconds(cluster.timeout))
    let test = StressTest(
      connection, pairs: RandomPairs(seed: seed, valueBytes: valueBytes), count: count,
      concurrency: concurrency, settle: .seconds(settle))
    let outcome = try test.run()
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(outcome.text)
    }
    if !outcome.pass { throw ExitCode.failure }
  }
}
