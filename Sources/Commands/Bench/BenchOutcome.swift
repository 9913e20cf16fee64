import HTTPTransport

/// What a measurement found, as `--json` tells it. Names of units stand in the keys.
struct BenchOutcome: Encodable {
  /// Reads, or writes.
  struct Operation: Encodable {
    /// Answered with a status from 200 to 299.
    var succeeded: UInt64
    var failed: UInt64
    /// Due and never sent; their response times count with what they had waited.
    var behind: UInt64
    /// From when a request should have been sent; in a closed loop that is when it was sent.
    var response: Latencies.Summary
    /// From when it was sent; only an open loop has both.
    var service: Latencies.Summary?

    private enum CodingKeys: String, CodingKey {
      case succeeded, failed, behind, service
    }

    /// The response times stand beside the counts, the service times in an object of their own.
    func encode(to encoder: any Encoder) throws {
      try response.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(succeeded, forKey: .succeeded)
      try container.encode(failed, forKey: .failed)
      try container.encode(behind, forKey: .behind)
      try container.encodeIfPresent(service, forKey: .service)
    }

    init?(_ tally: BenchTally.Operation) {
      guard tally.succeeded + tally.failed + tally.behind > 0 else { return nil }
      succeeded = tally.succeeded
      failed = tally.failed
      behind = tally.behind
      response = tally.response.summary
      service = tally.service.count > 0 ? tally.service.summary : nil
    }
  }

  struct Processor: Encodable {
    var name: String
    var pid: Int32
    var cpuNs: UInt64
    var cpuNsPerRequest: UInt64
  }

  var target: String
  /// The method that was called; calls count as writes.
  var call: String?
  /// `closed` or `open`.
  var loop: String
  var ratePerSecond: Double?
  var arrivals: String?
  var connections: Int
  var streams: Int
  var threads: Int
  var keys: UInt64
  var distribution: String
  var zipfExponent: Double?
  var readRatio: Double
  var valueBytesMin: Int
  var valueBytesMax: Int
  var seed: UInt64
  var warmUpSeconds: Double
  /// From the end of the warm-up to the last answer.
  var seconds: Double
  /// Requests that ended, well or not.
  var requests: UInt64
  var failed: UInt64
  var firstFailure: String?
  /// Requests that succeeded, a second.
  var perSecond: Double
  var receivedBytesPerSecond: Double
  var sentBytesPerSecond: Double
  var behind: UInt64
  /// It ended early, because more requests were behind than `--max-behind` allows.
  var gaveUp: Bool
  var interrupted: Bool
  var resent: UInt64
  var reconnected: UInt64
  /// With the client library: hops beyond one each, of a thousand requests, and attempts that
  /// followed others; the warm-up counts.
  var extraHopsPer1000: Double?
  var retries: UInt64?
  /// Answers by status.
  var statuses: [String: UInt64]
  /// Requests without an answer, by cause.
  var transportErrors: [String: UInt64]
  var reads: Operation?
  var writes: Operation?
  var processors: [Processor]

  init(_ plan: BenchPlan, _ result: BenchRun.Result, _ subjects: [ProcessorTime.Subject]) {
    let tally = result.tally
    target = plan.targetText
    call = plan.call?.method
    loop = plan.arrivals == nil ? "closed" : "open"
    ratePerSecond = plan.arrivals?.rate
    arrivals = plan.arrivals?.process.rawValue
    connections = plan.connections
    streams = plan.streams
    threads = plan.threads
    keys = plan.keys
    (distribution, zipfExponent) =
      switch plan.distribution {
      case .uniform: ("uniform", nil)
      case .sequential: ("sequential", nil)
      case .zipf(let exponent): ("zipf", exponent)
      }
    readRatio = plan.readRatio
    let sizes = plan.call?.hasPayload == false ? 0...0 : plan.valueBytes
    valueBytesMin = sizes.lowerBound
    valueBytesMax = sizes.upperBound
    seed = plan.seed
    warmUpSeconds = plan.warmUp.seconds
    seconds = result.seconds
    failed = tally.failed
    requests = tally.succeeded + failed
    firstFailure = tally.firstFailure
    let each = seconds > 0 ? 1 / seconds : 0
    perSecond = Double(tally.succeeded) * each
    receivedBytesPerSecond = Double(tally.receivedBytes) * each
    sentBytesPerSecond = Double(tally.sentBytes) * each
    behind = tally.behind
    gaveUp = tally.gaveUp
    interrupted = result.wasInterrupted
    resent = tally.resent
    reconnected = tally.reconnected
    if plan.client != nil {
      extraHopsPer1000 = Double(tally.extraHops) * 1_000 / Double(max(requests, 1))
      retries = tally.retries
    }
    statuses = [:]
    for (status, count) in tally.statuses.enumerated() where count > 0 {
      statuses[String(status)] = count
    }
    transportErrors = [:]
    for (kind, count) in tally.transportErrors {
      transportErrors[BenchOutcome.snakeCase(kind), default: 0] += count
    }
    reads = Operation(tally.reads)
    writes = Operation(tally.writes)
    let answered = max(requests, 1)
    processors = zip(subjects, result.processorTime).map { subject, time in
      Processor(
        name: subject.name, pid: subject.process, cpuNs: time, cpuNsPerRequest: time / answered)
    }
  }

  private static func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
  }

  /// Whether every request was made and succeeded.
  var isSound: Bool {
    failed == 0 && behind == 0 && !gaveUp && transportErrors.isEmpty && requests > 0
  }
}

extension BenchPlan {
  /// What is measured, for people.
  var targetText: String {
    switch target {
    case .cluster: endpoint.description
    case .plain(let prefix, let suffix):
      "\(endpoint.isSecure ? "https" : "http")://\(endpoint.authority)\(prefix)"
        + (suffix.map { "{key}\($0)" } ?? "")
    }
  }
}
