import Foundation
import HTTPTransport
import Synchronization

/// A measurement on several threads: begins them together, shows how far they are, adds up what
/// they counted.
final class BenchRun {
  struct Result {
    var tally = BenchTally()
    /// From the end of the warm-up to the last answer.
    var seconds = 0.0
    /// Nanoseconds on a processor, of each process that was watched, in their order.
    var processorTime: [UInt64] = []
    var wasInterrupted = false
  }

  private let plan: BenchPlan
  private let loop: EventLoop
  private let subjects: [ProcessorTime.Subject]
  private let title: String
  private var gauges: [LoadGauge] = []
  private var workers: [LoopBound<LoadWorker>?]
  private var mailboxes: [Mailbox?]
  private var waiting: Int
  private var running: Int
  private var result = Result()
  private var failure: CommandFailure?
  private var begin: MonotonicTime?
  private var processorTime: ProcessorTime?
  private var display: ProgressDisplay
  private var hasEnded = false

  private static let progressInterval = Duration.milliseconds(100)
  /// How long what is under way may take after an interruption.
  private static let drainPatience = Duration.seconds(1)

  /// - Parameter loop: one that is not running; interruptions come to it.
  init(
    _ plan: BenchPlan, loop: EventLoop, title: String = "bench",
    processorTimeOf subjects: [ProcessorTime.Subject] = []
  ) {
    self.plan = plan
    self.loop = loop
    self.title = title
    self.subjects = subjects
    workers = Array(repeating: nil, count: plan.threads)
    mailboxes = Array(repeating: nil, count: plan.threads)
    waiting = plan.threads
    running = plan.threads
    display = ProgressDisplay(title, unit: "requests")
  }

  /// - Throws: `CommandFailure` when the target cannot be reached, or a process not be watched.
  func run() throws(CommandFailure) -> Result {
    _ = try ProcessorTime.read(subjects)
    for thread in 0..<plan.threads { launch(thread) }
    loop.run()
    display.end()
    if let failure { throw failure }
    let measured = ((begin ?? .current()) + plan.warmUp).nanoseconds
    var last = result.tally.lastEnd
    if case .duration(let duration) = plan.extent, !result.wasInterrupted, !result.tally.gaveUp {
      last = max(last, (MonotonicTime(nanoseconds: measured) + duration).nanoseconds)
    }
    result.seconds = Double(last - min(measured, last)) / 1e9
    return result
  }

  private func launch(_ index: Int) {
    let gauge = LoadGauge()
    gauges.append(gauge)
    let thread = Thread { [plan, main = LoopBound(self, loop: loop), mailbox = loop.mailbox] in
      BenchRun.work(plan, index, gauge, mailbox, main)
    }
    thread.stackSize = 1 << 20
    thread.start()
  }

  /// A worker's thread.
  private static func work(
    _ plan: BenchPlan, _ index: Int, _ gauge: LoadGauge, _ mailbox: Mailbox,
    _ main: LoopBound<BenchRun>
  ) {
    do throws(TransportError) {
      let loop = try EventLoop()
      let worker = try LoadWorker(plan, thread: index, gauge: gauge, loop: loop) { error in
        mailbox.post { main.value.workerIsReady(error) }
      }
      let bound = LoopBound(worker, loop: loop)
      mailbox.post { [letters = loop.mailbox] in main.value.hire(bound, letters, index) }
      loop.run()
      let tally = worker.tally
      mailbox.post { main.value.workerFinished(tally) }
    } catch {
      mailbox.post {
        main.value.workerIsReady(error)
        main.value.workerFinished(BenchTally())
      }
    }
  }

  // MARK: What workers tell

  private func hire(_ worker: LoopBound<LoadWorker>, _ mailbox: Mailbox, _ index: Int) {
    workers[index] = worker
    mailboxes[index] = mailbox
    if failure != nil || result.wasInterrupted { toEach { $0.abandon() } }
  }

  private func workerIsReady(_ error: TransportError?) {
    if let error {
      failure = failure ?? CommandFailure(error.message)
      toEach { $0.abandon() }
      return
    }
    waiting -= 1
    guard waiting == 0, failure == nil, !result.wasInterrupted else { return }
    let time = MonotonicTime.current()
    begin = time
    if plan.warmUp == .zero {
      sampleBegin()
    } else {
      loop.schedule(after: plan.warmUp) { [self] in sampleBegin() }
    }
    toEach { $0.start(at: time) }
    showProgress()
  }

  private func workerFinished(_ tally: BenchTally) {
    result.tally.add(tally)
    running -= 1
    guard running == 0 else { return }
    hasEnded = true
    sampleEnd()
    loop.stop()
  }

  private func toEach(_ body: @escaping @Sendable (LoadWorker) -> Void) {
    for (worker, mailbox) in zip(workers, mailboxes) {
      guard let worker, let mailbox else { continue }
      mailbox.post { body(worker.value) }
    }
  }

  /// Ends early; the second time at once.
  func interrupt() {
    if result.wasInterrupted || begin == nil {
      result.wasInterrupted = true
      toEach { $0.abandon() }
    } else {
      result.wasInterrupted = true
      toEach { $0.interrupt() }
      loop.schedule(after: BenchRun.drainPatience) { [self] in toEach { $0.abandon() } }
    }
  }

  private func sampleBegin() {
    processorTime = try? ProcessorTime.read(subjects)
  }

  private func sampleEnd() {
    guard !subjects.isEmpty, let processorTime, let end = try? ProcessorTime.read(subjects) else {
      return
    }
    result.processorTime = subjects.map { end.since(processorTime, $0) }
  }

  private func showProgress() {
    guard !hasEnded, let begin else { return }
    let ended = gauges.reduce(0) { $0 + $1.ended.load(ordering: .relaxed) }
    let passed = MonotonicTime.current() - begin
    let fraction =
      switch plan.extent {
      case .duration(let duration): passed.seconds / (duration + plan.warmUp).seconds
      case .requests(let count): Double(ended) / Double(count)
      }
    display.update(ended, fraction: fraction)
    loop.schedule(after: BenchRun.progressInterval) { [weak self] in self?.showProgress() }
  }
}
