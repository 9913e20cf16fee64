import Foundation

/// Time that processes were on a processor, by the scheduler's accounting.
struct ProcessorTime: Sendable {
  /// A process to be watched, with the name that it gets in the outcome.
  struct Subject: Hashable, Sendable {
    let name: String
    let process: Int32

    /// Reads `NAME=PID` or `PID`.
    init?(_ text: String) {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let number = parts.last, let process = Int32(number), process > 0,
        parts[0] != ""
      else { return nil }
      self.process = process
      name = parts.count == 2 ? String(parts[0]) : "pid \(process)"
    }
  }

  private let nanoseconds: [Int32: UInt64]

  /// Reads the first number of every task's `schedstat`: nanoseconds on a processor.
  ///
  /// What a task used that has ended is not seen, so servers should keep their threads meanwhile.
  /// - Throws: `CommandFailure` when a process has ended, or the system does not account.
  static func read(_ subjects: [Subject]) throws(CommandFailure) -> ProcessorTime {
    var nanoseconds: [Int32: UInt64] = [:]
    for subject in subjects { nanoseconds[subject.process] = try read(subject) }
    return ProcessorTime(nanoseconds: nanoseconds)
  }

  private static func read(_ subject: Subject) throws(CommandFailure) -> UInt64 {
    let folder = "/proc/\(subject.process)/task"
    var total: UInt64?
    for task in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard let line = FileManager.default.contents(atPath: "\(folder)/\(task)/schedstat"),
        let first = String(decoding: line, as: UTF8.self).split(separator: " ").first,
        let time = UInt64(first)
      else { continue }
      total = (total ?? 0) &+ time
    }
    guard let total else {
      throw CommandFailure(
        "the processor time of \(subject.name) cannot be read in \(folder): the process has ended, "
          + "or the system keeps no schedstat")
    }
    return total
  }

  /// What `subject` used since `earlier`.
  func since(_ earlier: ProcessorTime, _ subject: Subject) -> UInt64 {
    let now = nanoseconds[subject.process] ?? 0
    return now - min(earlier.nanoseconds[subject.process] ?? 0, now)
  }
}
