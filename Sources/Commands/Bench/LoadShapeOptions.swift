import ArgumentParser

/// How much load a measurement makes, and when.
struct LoadShapeOptions: ParsableArguments {
  @Option(help: "Connections; to a cluster, that many to each node.")
  var connections = 1

  @Option(help: "Requests under way on each connection.")
  var streams = 32

  @Option(help: "Threads to share the connections.")
  var threads = 1

  @Option(help: ArgumentHelp("How long to measure. (default: 10)", valueName: "seconds"))
  var duration: Double?

  @Option(help: "How many requests to send instead.")
  var requests: UInt64?

  @Option(help: ArgumentHelp("What comes before and does not count.", valueName: "seconds"))
  var warmUp = 0.0

  @Option(help: ArgumentHelp("An open loop with this rate.", valueName: "requests/s"))
  var rate: Double?

  @Option(help: "How an open loop's starts are distributed. (default: constant)")
  var arrivals: ArrivalSchedule.Process?

  @Option(help: "End an open loop when more requests than this are behind. (default: 1000000)")
  var maxBehind: UInt64?

  var extent: BenchPlan.Extent {
    requests.map { .requests($0) } ?? .duration(.seconds(duration ?? 10))
  }

  /// To a cluster each connection means one to each of many nodes.
  func check(isPlain: Bool) throws {
    try Self.check(connections, in: 1...(isPlain ? 16_384 : 256), "--connections")
    try Self.check(streams, in: 1...1_024, "--streams")
    guard connections * streams <= 1 << 20 else {
      throw ValidationError("--connections times --streams is at most 1048576")
    }
    try Self.check(threads, in: 1...64, "--threads")
    guard threads <= connections else {
      throw ValidationError(
        "--threads share the connections: give at least --connections \(threads)")
    }
    guard duration == nil || requests == nil else {
      throw ValidationError("--duration and --requests exclude each other")
    }
    guard (duration ?? 1) > 0, (duration ?? 1) <= 86_400 else {
      throw ValidationError("--duration is a number of seconds, more than 0 and at most 86400")
    }
    guard requests != 0 else { throw ValidationError("--requests is at least 1") }
    guard warmUp >= 0, warmUp <= 86_400 else {
      throw ValidationError("--warm-up is a number of seconds from 0 to 86400")
    }
    guard let rate else {
      guard arrivals == nil, maxBehind == nil else {
        throw ValidationError("--arrivals and --max-behind are for an open loop: give its --rate")
      }
      return
    }
    guard rate >= 0.001, rate <= 100_000_000 else {
      throw ValidationError("--rate is a number of requests a second from 0.001 to 100000000")
    }
    guard (1...100_000_000).contains(maxBehind ?? 1) else {
      throw ValidationError("--max-behind is 1 to 100000000")
    }
  }

  static func check(_ value: Int, in range: ClosedRange<Int>, _ name: String) throws {
    guard range.contains(value) else {
      throw ValidationError("\(name) is \(range.lowerBound) to \(range.upperBound)")
    }
  }

  func apply(to plan: inout BenchPlan) {
    plan.connections = connections
    plan.streams = streams
    plan.threads = threads
    plan.extent = extent
    plan.warmUp = .seconds(warmUp)
    plan.arrivals = rate.map { rate in
      BenchPlan.Arrivals(
        rate: rate, process: arrivals ?? .constant, maximumBehind: maxBehind ?? 1_000_000)
    }
  }
}

extension ArrivalSchedule.Process: ExpressibleByArgument {}
