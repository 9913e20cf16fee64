import Cluster
import Glibc
import HTTPTransport

/// Runs `systemctl`, one process a command.
final class Systemctl {
  private let path: String
  private let environment: [String]
  private let loop: EventLoop

  /// Units may take their time to stop, and to open a large store until they are started.
  private static let deadline = Duration.seconds(600)
  private static let mostOutput = 4 << 20

  init(path: String, environment: [String], loop: EventLoop) {
    self.path = path
    self.environment = environment
    self.loop = loop
  }

  /// Runs a command; `completion` gets what it printed, or why it failed, with its last line.
  func run(
    _ arguments: [String], _ completion: @escaping (Result<String, ClusterError>) -> Void
  ) {
    do throws(TransportError) {
      let output = try ScratchFile()
      let process = try ProcessWatcher.spawn(
        executable: path, arguments: ["--no-ask-password", "--no-pager"] + arguments,
        environment: environment, standardOutput: .descriptor(output.descriptor),
        standardError: .descriptor(output.descriptor))
      var timer: TimerID?
      let watcher = try loop.watchExit(of: process) { [loop, path] exit in
        if let timer { loop.cancel(timer) }
        let text = output.read(atMost: Systemctl.mostOutput)
        guard exit == .exited(0) else {
          let reason = text.split(separator: "\n").last.map(String.init) ?? "\(exit)"
          let command = ([path] + arguments.prefix(2)).joined(separator: " ")
          return completion(.failure(ClusterError(.conflict, "\(command): \(reason)")))
        }
        completion(.success(text))
      }
      timer = loop.schedule(after: Systemctl.deadline) { try? watcher.send(signal: SIGKILL) }
    } catch {
      let message = error.message
      loop.schedule(after: .zero) { completion(.failure(ClusterError(.conflict, message))) }
    }
  }
}

/// A file without a name, which goes with its last descriptor: unlike a pipe it takes any amount
/// while nobody reads.
private final class ScratchFile {
  private let owned: Descriptor

  init() throws(TransportError) {
    var path = Array("/tmp/scaled-storage-XXXXXX".utf8CString)
    let raw = mkstemp(&path)
    guard raw >= 0 else {
      throw TransportError(
        .system, "no file can be made in /tmp: \(String(cString: strerror(errno)))")
    }
    unlink(path)
    _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
    owned = Descriptor(owning: raw)
  }

  var descriptor: Int32 { owned.rawValue }

  func read(atMost most: Int) -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while bytes.count < most {
      let count = pread(descriptor, &buffer, buffer.count, bytes.count)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
