import ArgumentParser
import Glibc
import HTTPTransport
import ScaledStorageClient
import ScaledStorageService
import WireProtocol

/// `scaled-storage bench`.
struct ClusterBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster", abstract: "Measure a running cluster, or any HTTP/2 server.",
    discussion: """
      A closed loop keeps all streams busy: each sends its next request when the last one is \
      answered. With --rate, an open loop sends at given times, whatever the target does; response \
      times count from when a request should have been sent, service times from when it was.

      A cluster is reached through its gateway or any node, and forward responses are followed. \
      With --target-path, or a URL with {key} in its path, plain GET and PUT go to that path of \
      any server that speaks HTTP/2 without TLS. Any status but 200 to 299 counts as a failure.

        scaled-storage bench --connections 4 --streams 64 --duration 10
        scaled-storage bench --read-ratio 0.5 --value-bytes 100..4000
        scaled-storage bench --rate 20000 --distribution zipf --warm-up 2
        scaled-storage bench --url http://127.0.0.1:9000 --target-path /file
        scaled-storage bench --url 'http://127.0.0.1:8080/kv/{key}'
        scaled-storage bench --call append --value-bytes 100 --connections 4
        scaled-storage bench --call add --arguments '("{key}", 1 : nat64)'
        scaled-storage bench --client direct --connections 4 --streams 64
        scaled-storage bench --counters 100 --duration 30 --json
        scaled-storage bench --counters 64 --call add --increments 100000

      With --counters, streams increment counters by compare-and-set, or by calls of a method \
      (key : text, amount : nat64) -> (nat64), and the end tells whether an increment was lost \
      (exit status 1).
      """)

  @OptionGroup(title: "Load") var shape: LoadShapeOptions
  @OptionGroup(title: "Requests") var content: LoadContentOptions

  @Option(
    help: """
      Measure the client library: direct finds the owners of keys (with the credential, by the \
      ring), gateway has the gateway pass requests on.
      """)
  var client: ClientRouting?

  enum ClientRouting: String, CaseIterable, ExpressibleByArgument {
    case direct, gateway
  }

  @Option(help: "Increment this many counters by compare-and-set instead.")
  var counters: Int?

  @Option(help: "How many increments the counters get together, with --call.")
  var increments: UInt64?

  @Option(
    help: ArgumentHelp(
      "The method that counters are read by at the end, with --call.", valueName: "method"))
  var readCall = "get"

  @Option(help: "Repeats the choices of a run with this seed. (default: random)")
  var seed: UInt64?

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Write the distribution of response times there, as the tools of HdrHistogram plot it.",
      valueName: "file"))
  var histogram: String?

  @Option(
    help: ArgumentHelp(
      "Tell the processor time of this process a request; may be repeated.",
      valueName: "name=pid"),
    transform: ProcessorTime.Subject.init(argument:))
  var cpuOf: [ProcessorTime.Subject] = []

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  func validate() throws {
    let isPlain = try targetPath() != nil
    try shape.check(isPlain: isPlain)
    if let counters {
      try LoadShapeOptions.check(counters, in: 1...1_000_000, "--counters")
      let refused = [
        ("--rate", shape.rate != nil), ("--threads", shape.threads > 1),
        ("--warm-up", shape.warmUp > 0), ("--histogram", histogram != nil),
        ("--cpu-of", !cpuOf.isEmpty), ("--target-path, or {key} in the URL", isPlain),
        ("--preload", content.preload != nil), ("--distribution", content.distribution != nil),
        ("--header", !content.header.isEmpty), ("--arguments", content.call.arguments != nil),
        ("--plain", content.call.plain), ("--client", client != nil),
        (
          "--requests, in favour of --increments", content.call.call != nil && shape.requests != nil
        ),
      ]
      for (name, isGiven) in refused where isGiven {
        throw ValidationError("--counters works by itself: leave out \(name)")
      }
    }
    guard increments == nil || counters != nil && content.call.call != nil else {
      throw ValidationError("--increments are those of --counters with --call")
    }
    guard (1...1_000_000_000_000).contains(increments ?? 1) else {
      throw ValidationError("--increments is 1 to 1000000000000")
    }
    if content.call.call != nil, content.readRatio != nil {
      throw ValidationError("with --call every request is a call: leave out --read-ratio")
    }
    guard client == nil || !isPlain && content.call.call == nil else {
      throw ValidationError("--client reads and writes values of a cluster: leave out the rest")
    }
    if content.preload == true, content.call.call == nil, let path = try targetPath(),
      !path.contains(BenchCall.keyMark)
    {
      throw ValidationError("--preload stores keys: the path needs a place for them, {key}")
    }
  }

  /// The path of a plain target, nil for a cluster.
  private func targetPath() throws -> String? {
    let inURL = try cluster.endpoint().target
    if let call = content.call.call {
      guard content.targetPath == nil, !inURL.contains(BenchCall.keyMark) else {
        throw ValidationError("a call has its key among its arguments: leave it out of the path")
      }
      return content.call.plain ? try cluster.endpoint().target(for: "/" + call) : nil
    }
    let path = content.targetPath ?? (inURL.contains(BenchCall.keyMark) ? inURL : nil)
    guard let path else { return nil }
    guard content.targetPath == nil || inURL == "/" else {
      throw ValidationError("the URL has a path, and --target-path is another: give one of them")
    }
    guard path.hasPrefix("/") else {
      throw ValidationError("--target-path begins with '/'; write it as '/file-{key}'")
    }
    guard
      path.firstRange(of: BenchCall.keyMark)?.upperBound == path.lastRange(of: BenchCall.keyMark)
    else {
      throw ValidationError("the path holds {key} more than once")
    }
    return path
  }

  func run() throws {
    if let counters {
      try runCounters(counters)
    } else {
      try measure()
    }
  }

  private func measure() throws {
    let plan = try plan()
    if let histogram { try OutputFile.write("", to: histogram) }
    ServiceProcess.raiseDescriptorLimit()
    let loop = try EventLoop()
    let run = BenchRun(plan, loop: loop, processorTimeOf: cpuOf)
    var current = run
    try loop.onSignals([SIGINT, SIGTERM]) { _ in current.interrupt() }
    let isPlain = if case .plain = plan.target { true } else { false }
    if content.preload ?? (!isPlain && plan.call == nil) {
      let preload = BenchRun(plan.preloading, loop: loop, title: "store keys")
      current = preload
      let stored = try preload.run()
      if stored.wasInterrupted { throw CommandFailure("interrupted while keys were stored") }
      if let failure = stored.tally.firstFailure {
        throw CommandFailure("the keys cannot be stored: \(failure)")
      }
      current = run
    }
    let result = try run.run()
    let outcome = BenchOutcome(plan, result, cpuOf)
    if let histogram {
      var times = result.tally.reads.response
      times.add(result.tally.writes.response)
      try OutputFile.write(times.percentileDistribution, to: histogram)
    }
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(outcome.text)
    }
    if !outcome.isSound { throw ExitCode.failure }
  }

  func plan() throws -> BenchPlan {
    let endpoint = try cluster.endpoint()
    var plan = BenchPlan(
      endpoint: endpoint, address: try endpoint.resolve(), seed: seed ?? .random(in: 0 ... .max))
    plan.tls = try cluster.tls.files(isSecure: endpoint.isSecure)
    plan.peerName = cluster.tls.peerName()
    if let path = try targetPath() {
      let mark = path.firstRange(of: BenchCall.keyMark)
      plan.target = .plain(
        prefix: String(path[..<(mark?.lowerBound ?? path.endIndex)]),
        suffix: mark.map { String(path[$0.upperBound...]) })
    }
    plan.timeout = .seconds(cluster.timeout)
    plan.client = try client.map { client in
      BenchPlan.Client(
        routing: client == .direct ? .direct : .gateway,
        credential: client == .direct ? try secret.credential() : nil)
    }
    shape.apply(to: &plan)
    try content.apply(to: &plan)
    if let token = try cluster.token() {
      plan.headers.append(("authorization", token.headerValue))
    }
    return plan
  }

  private func runCounters(_ counters: Int) throws {
    let fleet = try ConnectionFleet(cluster, count: shape.connections, streams: shape.streams)
    if let method = content.call.call { return try runCallCounters(fleet, method, counters) }
    let run = CounterRun(
      fleet, counters: counters, seed: seed ?? .random(in: 0 ... .max), extent: shape.extent)
    var outcome = try run.run()
    outcome.connections = shape.connections
    outcome.streams = shape.streams
    try report(outcome, outcome.text, isSound: outcome.isSound)
  }

  private func runCallCounters(_ fleet: ConnectionFleet, _ method: String, _ counters: Int) throws {
    let run = CallCounterRun(
      fleet, methods: CallCounterRun.Methods(add: method, read: readCall), counters: counters,
      seed: seed ?? .random(in: 0 ... .max), total: increments,
      duration: .seconds(shape.duration ?? 10), patience: .seconds(cluster.timeout) * 4)
    var outcome = try run.run()
    outcome.connections = shape.connections
    outcome.streams = shape.streams
    try report(outcome, outcome.text, isSound: outcome.isSound)
  }

  private func report(_ outcome: some Encodable, _ text: String, isSound: Bool) throws {
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(text)
    }
    if !isSound { throw ExitCode.failure }
  }
}

extension String {
  /// Where the last occurrence ends.
  fileprivate func lastRange(of text: String) -> Index? { ranges(of: text).last?.upperBound }
}

extension ProcessorTime.Subject {
  fileprivate init(argument: String) throws {
    guard let subject = Self(argument) else {
      throw ValidationError("write it as NAME=PID, or as a PID alone")
    }
    self = subject
  }
}
