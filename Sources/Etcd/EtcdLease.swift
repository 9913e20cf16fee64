package import HTTPTransport

/// Holds one lease: gets it, prolongs it every third of its time, and knows until when its holder
/// may act on what is bound to it.
///
/// That instant is the moment at which the last prolongation that was answered was *sent*, plus the
/// lease's time, less a margin: etcd counts from later on, so that it cannot have given the lease
/// up before, whatever became of messages since. It is kept by the monotonic clock of this machine;
/// the margin covers the difference in the clocks' rates and the time that work begun before the
/// instant takes to end. A lost lease gives way to a new one: `onLost` and `onGranted` alternate.
///
/// Belongs to the client's loop. Letting it go stops it without a revocation.
package final class EtcdLease {
  private let client: EtcdClient
  private let loop: EventLoop
  private let seconds: Int64
  private let margin: Duration

  /// The lease, while it is held.
  package private(set) var id: Int64?
  /// Until when its holder may act on it; nil without one.
  package private(set) var safeUntil: MonotonicTime?
  /// A lease was got; called once for each, with its identifier.
  package var onGranted: (Int64) -> Void = { _ in }
  /// The lease was prolonged: ``safeUntil`` is a later one.
  package var onProlonged: () -> Void = {}
  /// The lease expired, or is not safe to act on any more.
  package var onLost: () -> Void = {}

  /// How long it is between two prolongations.
  private var pace: Duration
  private var isStopped = true
  /// Answers to calls that were made for an earlier lease are not heard.
  private var generation: UInt64 = 0
  private var nextStep: TimerID?
  private var endTimer: TimerID?

  /// Time between two tries of what failed.
  private static let pause: Duration = .milliseconds(200)

  /// - Parameters:
  ///   - seconds: the lease's time. Elections of etcd's own can take 5 seconds.
  ///   - margin: how long before its end the lease is not safe any more.
  package init(client: EtcdClient, seconds: Int64 = 10, margin: Duration = .seconds(1)) {
    self.client = client
    loop = client.loop
    self.seconds = max(seconds, 1)
    self.margin = margin
    pace = .seconds(self.seconds) / 3
  }

  deinit {
    cancelTimers()
  }

  /// Whether its holder may act on it now, by the clock: a timer alone would be late in a process
  /// that was stopped and goes on.
  package var isSafe: Bool { safeUntil.map { MonotonicTime.current() < $0 } ?? false }

  package func start() {
    guard isStopped else { return }
    isStopped = false
    grant()
  }

  /// Ends it. With `revoking` etcd is told, once, so that what is bound to the lease goes at once;
  /// `done` comes when that is over, whether it succeeded or not. Calls neither closure any more.
  package func stop(revoking: Bool, _ done: @escaping () -> Void = {}) {
    let held = id
    isStopped = true
    forget()
    guard revoking, let held else {
      loop.schedule(after: .zero, done)
      return
    }
    client.revoke(held) { _ in done() }
  }

  private func forget() {
    generation &+= 1
    id = nil
    safeUntil = nil
    cancelTimers()
  }

  private func cancelTimers() {
    if let nextStep { loop.cancel(nextStep) }
    if let endTimer { loop.cancel(endTimer) }
    nextStep = nil
    endTimer = nil
  }

  private func step(after delay: Duration, _ body: @escaping (EtcdLease) -> Void) {
    nextStep = loop.schedule(after: delay) { [weak self] in
      guard let self else { return }
      nextStep = nil
      body(self)
    }
  }

  // MARK: Getting and keeping it

  private func grant() {
    let sent = MonotonicTime.current()
    let generation = generation
    client.grantLease(seconds: seconds) { [weak self] result in
      guard let self, self.generation == generation, !isStopped else { return }
      switch result {
      case .failure: step(after: Self.pause) { $0.grant() }
      case .success(let lease):
        let until = safeEnd(from: sent, seconds: lease.seconds)
        guard MonotonicTime.current() < until else { return step(after: Self.pause) { $0.grant() } }
        id = lease.id
        safeUntil = until
        pace = .seconds(lease.seconds) / 3
        watchEnd()
        step(after: pace) { $0.prolong() }
        onGranted(lease.id)
      }
    }
  }

  private func prolong() {
    guard let id, checkEnd() else { return }
    let sent = MonotonicTime.current()
    let generation = generation
    client.keepAlive(id) { [weak self] result in
      guard let self, self.generation == generation, !isStopped else { return }
      // A process that was stopped hears of answers long after they came.
      guard checkEnd() else { return }
      switch result {
      case .success(0): lose()
      case .success(let seconds):
        safeUntil = max(safeUntil ?? sent, safeEnd(from: sent, seconds: seconds))
        onProlonged()
        guard self.generation == generation, !isStopped else { return }
        step(after: max(pace - (MonotonicTime.current() - sent), .zero)) { $0.prolong() }
      case .failure: step(after: Self.pause) { $0.prolong() }
      }
    }
  }

  private func safeEnd(from sent: MonotonicTime, seconds: Int64) -> MonotonicTime {
    let time = Duration.seconds(min(seconds, 1 << 32)) - margin
    return sent + max(time, .zero)
  }

  /// Looks at the end when it is there.
  private func watchEnd() {
    guard let safeUntil else { return }
    endTimer = loop.schedule(after: safeUntil - .current()) { [weak self] in
      guard let self else { return }
      endTimer = nil
      if checkEnd() { watchEnd() }
    }
  }

  /// Gives the lease up when it is past its end; whether it is still held.
  private func checkEnd() -> Bool {
    guard !isSafe else { return true }
    lose()
    return false
  }

  private func lose() {
    guard id != nil else { return }
    forget()
    onLost()
    if !isStopped, id == nil { grant() }
  }
}
