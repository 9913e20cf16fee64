import HTTPTransport
import ScaledStorageClient
import WireProtocol

/// Stores the lines of a file, many at a time.
///
/// Two lines with one key are never under way together, so the later one prevails, as it would if
/// the lines were stored one by one.
final class Loader {
  private let connection: ClusterEngine
  private let resume: ResumeFile
  private let total: UInt64
  private var reader: LineReader
  private var window: CompletionWindow
  private var display: ProgressDisplay
  private var waiting: (line: LineReader.Line, key: [UInt8], value: [UInt8])?
  private var keysUnderWay: Set<[UInt8]> = []
  private var lastSave = MonotonicTime.current()
  private let startLines: UInt64
  private(set) var latencies = Latencies()
  private(set) var failure: CommandFailure?
  private(set) var isInterrupted = false
  private(set) var isFinished = false
  private var pump: Pump?
  private let report: (String) -> Void

  private static let saveInterval = Duration.seconds(1)

  /// - Parameter report: told of each line that cannot be stored.
  init(
    _ reader: LineReader, connection: ClusterEngine, resume: ResumeFile,
    from progress: LoadProgress, report: @escaping (String) -> Void
  ) {
    self.reader = reader
    self.connection = connection
    self.resume = resume
    self.report = report
    total = reader.size
    window = CompletionWindow(after: progress)
    startLines = progress.lines
    display = ProgressDisplay("load", unit: "lines")
  }

  var progress: LoadProgress { window.progress }

  /// Runs until all is stored, something fails, or ``interrupt()``.
  /// - Throws: `CommandFailure` when the progress cannot be written.
  func run(concurrency: Int) throws(CommandFailure) {
    let pump = Pump(limit: concurrency) { [self] done in step(done) }
    self.pump = pump
    connection.run(pump)
    self.pump = nil
    isFinished = true
    display.end()
    if failure == nil, !isInterrupted {
      resume.remove()
    } else {
      try resume.write(progress)
    }
  }

  /// Starts no further lines; those under way are finished.
  func interrupt() {
    isInterrupted = true
    pump?.stop()
  }

  private func step(_ done: @escaping () -> Void) -> Pump.Step {
    if let waiting {
      guard !keysUnderWay.contains(waiting.key) else { return .blocked }
      self.waiting = nil
      store(waiting.key, waiting.value, waiting.line, done)
      return .started
    }
    do throws(CommandFailure) {
      while !window.isFull {
        guard let line = try reader.next() else { return .exhausted }
        window.begin(line: line.number, end: line.end)
        switch LoadEntry(line) {
        case .empty:
          window.complete(line: line.number, .empty)
        case .unusable(let reason):
          refuse(line, reason)
        case .pair(let key, let value):
          guard !keysUnderWay.contains(key) else {
            waiting = (line, key, value)
            return .blocked
          }
          store(key, value, line, done)
          return .started
        }
      }
      return .blocked
    } catch {
      failure = failure ?? error
      return .exhausted
    }
  }

  private func store(
    _ key: [UInt8], _ value: [UInt8], _ line: LineReader.Line, _ done: @escaping () -> Void
  ) {
    keysUnderWay.insert(key)
    let begin = MonotonicTime.current()
    connection.send(.put(key, value)) { [self] result in
      keysUnderWay.remove(key)
      switch result {
      case .success(let reply) where reply.isSuccess:
        latencies.record(since: begin)
        window.complete(line: line.number, .stored)
      case .success(let reply) where (400..<500).contains(reply.status) && reply.status != 429:
        refuse(line, reply.problem.sentence)
      case .success(let reply):
        fail(CommandFailure("line \(line.number): \(reply.problem.sentence)"))
      case .failure(let error):
        fail(CommandFailure("line \(line.number): \(error.description)"))
      }
      tell()
      done()
    }
  }

  private func refuse(_ line: LineReader.Line, _ reason: String) {
    display.end()
    report("line \(line.number): \(reason)")
    window.complete(line: line.number, .refused)
  }

  private func fail(_ error: CommandFailure) {
    guard failure == nil else { return }
    failure = error
    pump?.stop()
  }

  private func tell() {
    let progress = window.progress
    display.update(
      progress.lines - startLines, fraction: Double(progress.offset) / Double(max(total, 1)))
    let now = MonotonicTime.current()
    guard now - lastSave >= Loader.saveInterval else { return }
    lastSave = now
    do throws(CommandFailure) {
      try resume.write(progress)
    } catch {
      fail(error)
    }
  }
}
