import ArgumentParser

/// `scaled-storage torture`.
struct TortureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "torture", abstract: "Break a cluster of real processes and check what it keeps.",
    discussion: """
      Starts a gateway with nodes of its own, lets clients read and write, and kills, pauses, \
      restarts, cuts off and starves their processes meanwhile, as the seed says. At the end the \
      cluster has to come to rest, every key is read back, and the history of each key is checked \
      to be linearizable. Exit status 1 when a promise was broken; data and logs are then kept.

      Cuts and a full disk need root: the run then has a network and mounts of its own.

        scaled-storage torture --seconds 30
        scaled-storage torture --minutes 10 --seed 7 --json

      With --url it does no harm itself, but lets clients work at a cluster that runs, through all \
      the gateways that are named and straight at the nodes, while you harm or change it. SIGINT \
      ends that before its time; it is judged all the same.

        scaled-storage torture --seconds 60 \\
          --url http://10.0.0.1:8080,http://10.0.0.2:8080
      """)

  @OptionGroup(title: "A cluster that runs") var attachment: AttachmentOptions

  @Option(help: "How many minutes to make faults.")
  var minutes: Double?

  @Option(help: "How many seconds to make faults instead. (default: 60)")
  var seconds: Double?

  @Option(help: "Repeats the choices of a run with this seed. (default: random)")
  var seed: UInt64?

  @Option(help: "The most nodes.")
  var nodes = 5

  @Option(help: "How many keys are in use at a time.")
  var keys = 60

  @Option(help: "Clients that send one request at a time each.")
  var clients = 12

  @Option(
    help: ArgumentHelp(
      "Where the run makes a directory for its data. (default: a temporary directory)",
      valueName: "directory"))
  var data: String?

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  @Option(parsing: .upToNextOption, help: .hidden)
  var isolation: [String] = []

  private var duration: Double { minutes.map { $0 * 60 } ?? seconds ?? 60 }

  func validate() throws {
    guard minutes == nil || seconds == nil else {
      throw ValidationError("--minutes and --seconds exclude each other")
    }
    guard duration >= 1, duration <= 86_400 else {
      throw ValidationError("a run takes 1 second to 24 hours")
    }
    try TortureCommand.check(nodes, in: 1...64, "--nodes")
    try TortureCommand.check(keys, in: 1...10_000, "--keys")
    try TortureCommand.check(clients, in: 1...48, "--clients")
    guard attachment.url == nil || data == nil else {
      throw ValidationError("--url and --data exclude each other")
    }
  }

  private static func check(_ value: Int, in range: ClosedRange<Int>, _ name: String) throws {
    guard range.contains(value) else {
      throw ValidationError("\(name) is \(range.lowerBound) to \(range.upperBound)")
    }
  }

  func run() throws {
    if attachment.url != nil { return try runAttached() }
    if isolation.isEmpty { Isolation.enter() }
    let run = try TortureRun(
      TortureRun.Settings(
        duration: .milliseconds(Int64(duration * 1_000)), seed: seed ?? .random(in: 0 ... .max),
        nodes: nodes, keys: keys, clients: clients, data: data, isolation: Isolation(isolation)))
    let outcome = try run.run()
    try report(outcome, text: outcome.text, pass: outcome.pass)
  }

  private func runAttached() throws {
    let torture = try AttachedTorture(
      try attachment.settings(
        duration: .milliseconds(Int64(duration * 1_000)), seed: seed ?? .random(in: 0 ... .max),
        keys: keys, clients: clients))
    let outcome = try torture.run()
    try report(outcome, text: outcome.text, pass: outcome.pass)
  }

  private func report(_ outcome: some Encodable, text: String, pass: Bool) throws {
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(text)
    }
    if !pass { throw ExitCode.failure }
  }
}
