package import HTTPTransport
package import Storage

/// Figures that cannot be had without perhaps waiting for the disk: read away from the loop.
package struct SlowFigures: Sendable {
  package var store: [StorageFigure] = []
  package var process = ProcessFigures()
}

/// Reads ``SlowFigures`` on a thread of its own, one at a time.
package final class SlowFigureReader {
  package typealias Completion = (SlowFigures) -> Void

  private let loop: EventLoop
  private let store: (any MeasuredEngine)?
  /// What was read last.
  private var last = SlowFigures()
  private var isReading = false
  private var waiting: [UInt64: Completion] = [:]
  private var count: UInt64 = 0

  /// Who asks gets the figures of before when the disk takes longer.
  private static let patience = Duration.milliseconds(500)

  package init(loop: EventLoop, store: any StorageEngine) {
    self.loop = loop
    self.store = store as? any MeasuredEngine
  }

  /// Calls `completion` once on the loop, never within this call.
  package func read(_ completion: @escaping Completion) {
    count += 1
    let ticket = count
    waiting[ticket] = completion
    loop.schedule(after: SlowFigureReader.patience) { [weak self] in
      guard let self else { return }
      waiting.removeValue(forKey: ticket)?(last)
    }
    guard !isReading else { return }
    isReading = true
    let target = LoopBound(
      { [weak self] (figures: SlowFigures) in self?.took(figures) }, loop: loop)
    let mailbox = loop.mailbox
    let hasStarted = DetachedThread.start { [store] in
      let figures = SlowFigures(store: store?.figures() ?? [], process: .read())
      mailbox.post { target.value(figures) }
    }
    if !hasStarted { isReading = false }
  }

  private func took(_ figures: SlowFigures) {
    isReading = false
    last = figures
    let ready = waiting.sorted { $0.key < $1.key }
    waiting = [:]
    for (_, completion) in ready { completion(figures) }
  }
}
