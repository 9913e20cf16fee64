import Foundation
import Glibc

/// Tells a process from all others that run or ran on any machine: the machine's boot, the name
/// space of process ids, the id, and when the process was started.
enum ProcessMark {
  /// This process's; empty where the system does not tell.
  static let own = mark(of: getpid()) ?? ""

  static func mark(of process: pid_t) -> String? {
    guard let place, let start = start(of: process) else { return nil }
    return "\(place) \(process) \(start)"
  }

  /// Where process ids mean what they mean here.
  private static let place: String? = {
    let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
    guard let boot, let space else { return nil }
    return "\(boot.trimmingCharacters(in: .whitespacesAndNewlines)) \(space)"
  }()

  /// Ticks from the machine's start to the process's: field 22 of `/proc/PID/stat` (proc(5)). The
  /// second, the program's name, may hold anything.
  private static func start(of process: pid_t) -> String? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let name = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[name...].split(separator: " ")
    return fields.count > 20 ? String(fields[20]) : nil
  }

  /// Whether the process that a mark is of has certainly ended. One that runs somewhere else may
  /// have: only processes that this one can see are known. This process's own mark is that of a
  /// program which it has replaced.
  static func hasEnded(_ mark: String) -> Bool {
    guard let place, mark.hasPrefix(place + " ") else { return false }
    let fields = mark.dropFirst(place.count).split(separator: " ")
    guard fields.count == 2, let process = pid_t(fields[0]), process > 0 else { return false }
    if process == getpid() { return true }
    if kill(process, 0) != 0, errno == ESRCH { return true }
    // Where the system hides other users' processes this is unknown.
    guard let start = start(of: process) else { return false }
    return start != fields[1]
  }
}
