import Glibc
import HTTPTransport

/// Programs of the system that run for a moment.
enum SystemTool {
  private static let folders = ["/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"]
  /// How often is looked whether a tool has ended, before it is made to: for about 10 seconds.
  private static let patience = 200

  static func path(_ name: String) -> String? {
    folders.map { $0 + name }.first { access($0, X_OK) == 0 }
  }

  /// Runs the tool and returns whether it succeeded. Blocks until it has ended.
  static func run(_ name: String, _ arguments: [String]) -> Bool {
    guard let path = path(name) else { return false }
    do throws(TransportError) {
      let process = try ProcessWatcher.spawn(
        executable: path, arguments: arguments,
        environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
      return wait(for: process) == 0
    } catch {
      return false
    }
  }

  /// The exit status of a child; nil when a signal ended it, or it had to be ended.
  private static func wait(for process: Int32) -> Int32? {
    var status: Int32 = 0
    for turn in 0... {
      switch waitpid(process, &status, WNOHANG) {
      case process: return status & 0x7f == 0 ? (status >> 8) & 0xff : nil
      case -1 where errno != EINTR: return nil
      default: break
      }
      if turn == patience { kill(process, SIGKILL) }
      usleep(turn < 100 ? 1_000 : 100_000)
    }
    return nil
  }
}
