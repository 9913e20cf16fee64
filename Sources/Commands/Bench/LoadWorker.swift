import HTTPTransport
import ScaledStorage
import Synchronization
import WireProtocol

/// What a worker lets other threads see while it works.
final class LoadGauge: Sendable {
  /// Requests that have ended.
  let ended = Atomic<UInt64>(0)
}

/// One thread's part of a measurement: its connections, its choices, its counts.
final class LoadWorker: LoadLineOwner {
  /// A reason why the measurement cannot begin, nil when all connections stand.
  typealias ReadyHandler = (TransportError?) -> Void

  let loop: EventLoop
  private let plan: BenchPlan
  private let thread: Int
  private let gauge: LoadGauge
  private let onReady: ReadyHandler
  private var lines: [any LoadLine] = []
  private var readyLines = 0
  private var isUp = false
  /// The lines with room, each once, first in first out.
  private var roomy = IndexQueue()
  private var choices: RequestChoices
  private var timer: PreciseTimer?
  /// What it is set to.
  private var timerTime: UInt64 = 0

  private var phase = Phase.waiting
  private var begin: UInt64 = 0
  private var measuredBegin: UInt64 = 0
  /// What starts later does not belong to the measurement.
  private var end = UInt64.max
  /// Starts that are left, of those that count.
  private var left = UInt64.max
  private var openLoop: OpenLoop?
  private var underWay = 0
  /// When a request was last under way.
  private var lastActive: UInt64 = 0
  /// Starts that the target handed back: when they should have been made.
  private var returned: [UInt64] = []
  private(set) var tally = BenchTally()

  private enum Phase {
    case waiting
    case running
    /// Nothing is started any more; what is under way goes on.
    case draining
    case finished
  }

  /// In nanoseconds.
  private static let fullPause: UInt64 = 1_000_000
  private static let sweepInterval = Duration.milliseconds(250)

  /// Opens the thread's connections; ``onReady`` tells how that went.
  init(
    _ plan: BenchPlan, thread: Int, gauge: LoadGauge, loop: EventLoop,
    onReady: @escaping ReadyHandler
  ) throws(TransportError) {
    self.plan = plan
    self.thread = thread
    self.gauge = gauge
    self.loop = loop
    self.onReady = onReady
    choices = RequestChoices(plan, thread: thread)
    try openLines()
    if plan.arrivals != nil {
      timer = try PreciseTimer(loop: loop) { [weak self] in
        self?.timerTime = 0
        self?.fill()
      }
    }
  }

  private func openLines() throws(TransportError) {
    let count = Int(plan.share(of: UInt64(plan.connections), thread: thread))
    roomy = IndexQueue(capacity: count)
    let tls = try plan.tls.map { (files) throws(TransportError) in
      try TLSContext(files, peerName: plan.peerName)
    }
    switch plan.target {
    case .cluster:
      let body = plan.body
      for index in 0..<count {
        if let client = plan.client {
          lines.append(
            try ClientLine(index, plan, client, tls: tls, body: body, loop: loop, owner: self))
        } else {
          lines.append(
            try ClusterLine(index, plan, tls: tls, body: body, loop: loop, owner: self))
        }
      }
    case .plain(let prefix, let suffix):
      let key = String(KeyTarget.path(of: Array(plan.keyPrefix.utf8)).dropFirst("/kv/".count))
      let template = try LoadTemplate(
        authority: plan.endpoint.authority, isSecure: plan.endpoint.isSecure,
        path: (suffix == nil ? prefix : prefix + key, suffix),
        headers: plan.headers, write: plan.call == nil ? .put : .post, body: plan.body)
      for index in 0..<count {
        lines.append(
          PlainLine(
            index, to: plan.address, security: tls.map { ($0, plan.endpoint.host) },
            streams: plan.streams, template: template, loop: loop, owner: self))
      }
    }
  }

  // MARK: Begin and end

  /// Starts to send. `time` is when the warm-up begins.
  func start(at time: MonotonicTime) {
    guard phase == .waiting else { return }
    phase = .running
    begin = time.nanoseconds
    lastActive = begin
    measuredBegin = (time + plan.warmUp).nanoseconds
    if case .duration(let duration) = plan.extent {
      end = (time + plan.warmUp + duration).nanoseconds
    }
    if case .requests(let count) = plan.extent { left = plan.share(of: count, thread: thread) }
    if let arrivals = plan.arrivals {
      let schedule = ArrivalSchedule(
        rate: arrivals.rate, process: arrivals.process, seed: choices.seed,
        share: (thread, plan.threads))
      openLoop = OpenLoop(schedule, until: end == .max ? .max : end - begin)
    }
    if end != .max {
      loop.schedule(after: .nanoseconds(Int64(clamping: end - begin))) { [weak self] in
        self?.finishStarting()
      }
    }
    sweep()
    fill()
  }

  /// Ends the measurement early, as if this were its end.
  func interrupt() {
    end = min(end, MonotonicTime.current().nanoseconds)
    finishStarting()
  }

  /// Ends without waiting for what is under way.
  func abandon() {
    interrupt()
    guard phase != .finished else { return }
    finish()
  }

  private func finishStarting() {
    switch phase {
    case .waiting: finish()
    case .running:
      startDue(MonotonicTime.current().nanoseconds)
      if openLoop != nil { leaveBehind() }
      returned = []
      phase = .draining
      finishWhenDrained()
    case .draining, .finished: return
    }
  }

  private func finishWhenDrained() {
    guard phase == .draining, underWay == 0 else { return }
    finish()
  }

  private func finish() {
    phase = .finished
    for line in lines {
      tally.extraHops += line.extraHops
      tally.retries += line.retries
      line.close()
    }
    loop.stop()
  }

  /// Counts what is due and cannot be sent any more.
  private func leaveBehind() {
    let now = MonotonicTime.current().nanoseconds
    for intended in returned where intended >= measuredBegin { leaveBehind(intended, now) }
    while let offset = openLoop?.take() {
      let intended = begin + offset
      if intended >= measuredBegin, left > 0 {
        left -= 1
        leaveBehind(intended, now)
      }
    }
  }

  private func leaveBehind(_ intended: UInt64, _ now: UInt64) {
    tally.leaveBehind(isWrite: choices.isWrite(), waited: now - min(intended, now))
  }

  /// Looks for requests that took too long, and for a target that is gone, again and again.
  private func sweep() {
    guard phase == .running || phase == .draining else { return }
    let now = MonotonicTime.current().nanoseconds
    let longest = (MonotonicTime(nanoseconds: 0) + plan.timeout).nanoseconds
    if now > longest {
      for line in lines { line.expire(sentBefore: now - longest) }
    }
    // A line with room waits for the rate; without one it would send.
    if underWay > 0 || plan.arrivals != nil && nextLine() != nil { lastActive = now }
    if phase == .running, now - min(lastActive, now) > longest {
      tally.lose("\(plan.address) went away and did not come back")
      interrupt()
      return
    }
    loop.schedule(after: LoadWorker.sweepInterval) { [weak self] in self?.sweep() }
  }

  // MARK: Starting requests

  /// Starts what is due as far as there is room, and ends when there is no more.
  private func fill() {
    guard phase == .running else { return }
    let now = MonotonicTime.current().nanoseconds
    startDue(now)
    if let openLoop, let arrivals = plan.arrivals, openLoop.behind > arrivals.maximumBehind {
      tally.gaveUp = true
      end = min(end, now)
      finishStarting()
    } else if left == 0 {
      finishStarting()
    } else if openLoop != nil {
      setTimer(now)
    }
  }

  private func startDue(_ now: UInt64) {
    if let arrivals = plan.arrivals {
      openLoop?.advance(to: now - min(begin, now), limit: arrivals.maximumBehind + 1)
      // In turn, so that the load is spread over the connections.
      while let index = nextLine(), let intended = nextDue() {
        roomy.removeFirst()
        send(intended, now, lines[index])
        if lines[index].room > 0 { roomy.append(index) }
      }
    } else if now < end {
      while left > 0, let index = nextLine() {
        let line = lines[index]
        while left > 0, line.room > 0 { send(returned.popLast() ?? now, now, line) }
      }
    }
  }

  /// The first line that has room indeed, which stays the first.
  private func nextLine() -> Int? {
    while let index = roomy.first {
      if lines[index].room > 0 { return index }
      roomy.removeFirst()
    }
    return nil
  }

  private func nextDue() -> UInt64? {
    guard left > 0 else { return nil }
    return returned.popLast() ?? openLoop?.take().map { begin + $0 }
  }

  /// Comes back for the next start. Without room that can wait: the start stays due.
  private func setTimer(_ now: UInt64) {
    guard let next = openLoop?.nextArrival else { return }
    let isFull = nextLine() == nil
    let time = isFull ? max(begin + next, now + LoadWorker.fullPause) : begin + next
    guard time != timerTime else { return }
    timerTime = time
    timer?.set(at: MonotonicTime(nanoseconds: time))
  }

  private func send(_ intended: UInt64, _ now: UInt64, _ line: any LoadLine) {
    if intended >= measuredBegin { left -= 1 }
    underWay += 1
    line.send(choices.next(intended: intended, sent: now))
  }

  // MARK: What the lines tell

  func lineIsReady() {
    readyLines += 1
    if readyLines == lines.count { tellReady(nil) }
  }

  func lineFailed(_ error: TransportError) { tellReady(error) }

  private func tellReady(_ error: TransportError?) {
    guard !isUp else { return }
    isUp = true
    onReady(error)
  }

  func lineHasRoom(_ index: Int) {
    roomy.append(index)
    fill()
  }

  func requestEnded(_ request: LoadRequest, status: Int, bytes: Int, at time: UInt64) {
    guard ended(request) else { return }
    tally.take(request, status: status, bytes: bytes, at: time, isOpen: plan.arrivals != nil)
    if plan.endsAtFailure { endAtFailure() }
  }

  func noteProblem(_ sentence: String) { tally.note(sentence) }

  func requestFailed(_ request: LoadRequest, kind: String, _ message: String, at time: UInt64) {
    guard ended(request) else { return }
    tally.take(request, kind: kind, message, at: time)
    if plan.endsAtFailure { endAtFailure() }
  }

  /// Whether it counts.
  private func ended(_ request: LoadRequest) -> Bool {
    underWay -= 1
    gauge.ended.store(gauge.ended.load(ordering: .relaxed) + 1, ordering: .relaxed)
    if phase == .draining, underWay == 0 { finishLater() }
    return request.intended >= measuredBegin && phase != .finished
  }

  private func endAtFailure() {
    guard tally.failed > 0 else { return }
    loop.atEndOfTurn { [weak self] in self?.abandon() }
  }

  func requestReturned(_ request: LoadRequest) {
    underWay -= 1
    let counts = request.intended >= measuredBegin
    let now = MonotonicTime.current().nanoseconds
    if phase == .draining, now < end { phase = .running }
    if phase == .running {
      returned.append(request.intended)
      if counts {
        tally.resent += 1
        left += 1
      }
    } else if phase == .draining {
      if counts, openLoop != nil { leaveBehind(request.intended, now) }
      if underWay == 0 { finishLater() }
    }
  }

  func lineReconnects() { tally.reconnected += 1 }

  /// Not amid a connection's input.
  private func finishLater() {
    loop.atEndOfTurn { [weak self] in self?.finishWhenDrained() }
  }
}
