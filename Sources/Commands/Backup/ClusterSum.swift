import Cluster
import HTTPTransport
import Placement
import ScaledStorage
import ScaledStorageClient

/// The checksum of a running cluster's records, which can be compared with a backup's. It is of one
/// moment only while nobody writes.
struct ClusterSum {
  let caller: NodeCaller
  /// How long to wait for a ring that is settled.
  let patience: Duration

  /// Values that expire soon may go while they are summed up: they are left out.
  private static let margin: UInt64 = 600_000
  private static let pause = Duration.milliseconds(500)

  /// - Returns: the sum, and up to when values that expire are left out.
  func compute() throws(CommandFailure) -> (sum: RecordSum, horizon: UInt64) {
    var margin = ClusterSum.margin
    while true {
      let horizon = WallClock.milliseconds &+ margin
      let sum = try sum(horizon: horizon)
      if WallClock.milliseconds < horizon { return (sum, horizon) }
      margin = margin &* 4
    }
  }

  private func sum(horizon: UInt64) throws(CommandFailure) -> RecordSum {
    let end = MonotonicTime.current() + patience
    while true {
      let ring = try caller.ring()
      let run = SumRun(try caller.places(of: ring.map), ring.map.ring.epoch, caller, horizon)
      guard ring.isSettled else {
        try wait("the ring is changing", until: end)
        continue
      }
      run.run()
      guard let refusal = run.refusal else { return run.sum }
      guard refusal.isPassing else { throw refusal.failure }
      try wait(refusal.message, until: end)
    }
  }

  private func wait(_ reason: String, until end: MonotonicTime) throws(CommandFailure) {
    guard MonotonicTime.current() < end else {
      throw CommandFailure("the cluster did not come to rest within --wait: \(reason)")
    }
    caller.connection.pause(ClusterSum.pause)
  }
}

/// Sums up the records of all nodes at one epoch, each page by page.
private final class SumRun {
  private(set) var sum = RecordSum()
  private(set) var refusal: NodeRefusal?
  private let places: [NodePlace]
  private let epoch: UInt64
  private let caller: NodeCaller
  private let horizon: UInt64
  private var next = 0

  init(_ places: [NodePlace], _ epoch: UInt64, _ caller: NodeCaller, _ horizon: UInt64) {
    self.places = places
    self.epoch = epoch
    self.caller = caller
    self.horizon = horizon
  }

  func run() {
    let pump = Pump(limit: 8) { [self] done in
      guard refusal == nil, next < places.count else { return .exhausted }
      next += 1
      goOn(places[next - 1], from: [], done)
      return .started
    }
    caller.connection.run(pump)
  }

  private func goOn(_ node: NodePlace, from: [UInt8], _ done: @escaping () -> Void) {
    let request = SumRequest(epoch: epoch, from: from, horizon: horizon)
    caller.call(.backupSum, request, at: node, as: SumPage.self) { [self] result in
      switch result {
      case .failure(let error):
        refusal = refusal ?? error
        done()
      case .success(let page):
        guard sum.add(page) else {
          refusal = NodeRefusal(
            message: "\(node.id.text) told a checksum of another kind", isPassing: false)
          return done()
        }
        guard let next = page.next, refusal == nil else { return done() }
        goOn(node, from: next, done)
      }
    }
  }
}
