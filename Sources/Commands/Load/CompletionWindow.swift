/// Lines under way, in order: finds how far they are done without a gap.
struct CompletionWindow {
  /// What a line adds to the progress when it and all before it are done.
  enum Outcome: Hashable {
    case stored, empty, refused
  }

  private struct Entry {
    let line: UInt64
    let end: UInt64
    var outcome: Outcome?
  }

  /// Lines that may wait for one that is not done.
  static let capacity = 65_536

  private(set) var progress: LoadProgress
  private var entries: [Entry] = []
  /// The entries before this one are counted already.
  private var head = 0
  /// The line of the first entry.
  private var firstLine: UInt64

  init(after progress: LoadProgress) {
    self.progress = progress
    firstLine = progress.lines + 1
  }

  var isFull: Bool { entries.count - head >= CompletionWindow.capacity }

  /// Adds the next line of the file.
  mutating func begin(line: UInt64, end: UInt64) {
    entries.append(Entry(line: line, end: end, outcome: nil))
  }

  /// Notes that a line that was begun is done. Amortised O(1).
  mutating func complete(line: UInt64, _ outcome: Outcome) {
    guard line >= firstLine, line - firstLine < UInt64(entries.count) else { return }
    entries[Int(line - firstLine)].outcome = outcome
    while head < entries.count, let outcome = entries[head].outcome {
      progress.lines = entries[head].line
      progress.offset = entries[head].end
      switch outcome {
      case .stored: progress.stored += 1
      case .empty: progress.empty += 1
      case .refused: progress.refused += 1
      }
      head += 1
    }
    if head > 1_024, head * 2 > entries.count {
      entries.removeFirst(head)
      firstLine += UInt64(head)
      head = 0
    }
  }
}
