/// Keeps a bounded number of operations under way, on one loop.
final class Pump {
  /// What came of the attempt to start an operation.
  enum Step {
    case started
    /// Nothing can start before another operation finishes; one has to be under way.
    case blocked
    /// There are no more.
    case exhausted
  }

  let limit: Int
  private(set) var underWay = 0
  private(set) var isStopping = false
  private(set) var hasEnded = false
  /// Called once, when nothing is under way and no more will be started.
  var onEnd: () -> Void = {}
  private let start: (_ done: @escaping () -> Void) -> Step
  private var isFilling = false

  /// - Parameter start: starts the next operation, which calls `done` once when it is finished.
  init(limit: Int, start: @escaping (_ done: @escaping () -> Void) -> Step) {
    self.limit = limit
    self.start = start
  }

  /// Starts as many operations as may be under way.
  func fill() {
    guard !isFilling else { return }
    isFilling = true
    defer { isFilling = false }
    filling: while underWay < limit, !isStopping {
      underWay += 1
      switch start({ [self] in finishOne() }) {
      case .started: continue
      case .blocked:
        underWay -= 1
        break filling
      case .exhausted:
        underWay -= 1
        isStopping = true
      }
    }
    if isStopping, underWay == 0, !hasEnded {
      hasEnded = true
      onEnd()
    }
  }

  /// Starts no further operations; those under way go on.
  func stop() {
    isStopping = true
    fill()
  }

  private func finishOne() {
    underWay -= 1
    fill()
  }
}
