import Glibc
import HTTPTransport

/// Tells on standard error how far long work has come: a bar on a terminal, else a line now and
/// then.
struct ProgressDisplay {
  private let title: String
  private let unit: String
  private let isTerminal: Bool
  private let begin: MonotonicTime
  private var last: MonotonicTime
  private var hasBar = false

  private static let barInterval = Duration.milliseconds(100)
  private static let lineInterval = Duration.seconds(5)
  private static let barWidth = 24

  init(_ title: String, unit: String, isTerminal: Bool = isatty(STDERR_FILENO) == 1) {
    self.title = title
    self.unit = unit
    self.isTerminal = isTerminal
    begin = .current()
    last = begin
  }

  /// - Parameter fraction: how much of the work is done, 0 to 1.
  mutating func update(_ count: UInt64, fraction: Double) {
    guard isDue else { return }
    show(line(count, fraction: fraction, after: (MonotonicTime.current() - begin).seconds))
  }

  private var isDue: Bool {
    MonotonicTime.current() - last
      >= (isTerminal ? ProgressDisplay.barInterval : ProgressDisplay.lineInterval)
  }

  /// Shows a line of one's own, now and then.
  mutating func show(_ text: String) {
    guard isDue else { return }
    last = .current()
    if isTerminal {
      hasBar = true
      try? StandardStreams.write(Array("\r\u{1b}[K\(text)".utf8), to: STDERR_FILENO)
    } else {
      StandardStreams.note(text)
    }
  }

  /// Takes the bar off the terminal.
  mutating func end() {
    guard hasBar else { return }
    hasBar = false
    try? StandardStreams.write(Array("\r\u{1b}[K".utf8), to: STDERR_FILENO)
  }

  func line(_ count: UInt64, fraction: Double, after seconds: Double) -> String {
    let fraction = min(max(fraction.isFinite ? fraction : 0, 0), 1)
    let rate = seconds > 0 ? Double(count) / seconds : 0
    let left = fraction > 0 ? seconds / fraction * (1 - fraction) : .infinity
    let percent = Int(fraction * 100)
    var text = title + " "
    if isTerminal {
      let filled = Int(fraction * Double(ProgressDisplay.barWidth))
      text += "[" + String(repeating: "#", count: filled)
      text += String(repeating: ".", count: ProgressDisplay.barWidth - filled) + "] "
    }
    return text
      + "\(percent)%  \(Figures.grouped(count)) \(unit)  \(Figures.fixed(rate, places: 0))/s  "
      + "ETA \(Figures.clock(left))"
  }
}
