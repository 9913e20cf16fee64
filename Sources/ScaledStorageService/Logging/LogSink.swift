import Glibc
import HTTPTransport
import ScaledStorage
import Synchronization

/// Where the lines of the log go: each by one write, so that those of several threads and programs
/// do not mix; but long ones by several where somebody else reads them.
///
/// Nobody waits for whoever reads them: lines that a pipe or a terminal does not take are lost,
/// each as a whole, and counted. Only a file's disk is waited for, and another user's terminal that
/// stops amid a line, which cannot be opened once more.
final class LogSink: Sendable {
  let descriptor: Int32
  /// Whether systemd's journal reads the lines: then each begins with its priority (sd-daemon(3)).
  let isJournal: Bool
  /// The same pipe or terminal, opened so that no write waits; none where that cannot be had.
  private let ownOpening: Descriptor
  /// The most that is written at once. With room for anything, a pipe takes this much without
  /// waiting, and as a whole (pipe(7)); a file takes a line of any length so.
  private let mostAtOnce: Int
  private let state = Mutex(State())

  private struct State {
    /// What is left of a line that was taken in part.
    var rest: [UInt8] = []
    /// Lines that were lost since the last one that was taken.
    var lost: UInt64 = 0
  }

  static let standardError = LogSink(
    descriptor: 2, isJournal: isJournal(2, environment: getenv("JOURNAL_STREAM")),
    opensAgain: true)

  /// - Parameter opensAgain: whether a pipe or a terminal is opened once more. Other programs may
  ///   have the same opening, so that it is not this one's to say that its writes do not wait.
  init(descriptor: Int32, isJournal: Bool, opensAgain: Bool = false) {
    self.descriptor = descriptor
    self.isJournal = isJournal
    ownOpening = Descriptor(owning: opensAgain ? LogSink.openAgain(descriptor) : -1)
    var status = stat()
    let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    mostAtOnce = isFile ? .max : Int(PIPE_BUF)
  }

  private static func openAgain(_ descriptor: Int32) -> Int32 {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return -1 }
    guard status.st_mode & S_IFMT == S_IFIFO || isatty(descriptor) == 1 else { return -1 }
    let path = "/proc/self/fd/\(descriptor)"
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
  }

  /// `JOURNAL_STREAM` tells the device and the inode of the journal's stream (systemd.exec(5)).
  private static func isJournal(_ descriptor: Int32, environment: UnsafePointer<CChar>?) -> Bool {
    guard let environment else { return false }
    let parts = String(cString: environment).split(separator: ":").compactMap { UInt64($0) }
    var status = stat()
    guard parts.count == 2, fstat(descriptor, &status) == 0 else { return false }
    return parts == [UInt64(status.st_dev), UInt64(status.st_ino)]
  }

  /// Writes a line, or loses it.
  /// - Parameter remark: makes a line of the number of those that were lost before this one.
  func write(_ line: [UInt8], remark: (UInt64) -> [UInt8]) {
    state.withLock { state in
      guard finish(&state), tell(&state, remark), put(line, &state) else {
        state.lost &+= 1
        LostLogLines.add()
        return
      }
    }
  }

  private func finish(_ state: inout State) -> Bool {
    guard !state.rest.isEmpty else { return true }
    state.rest.removeFirst(take(state.rest))
    return state.rest.isEmpty
  }

  private func tell(_ state: inout State, _ remark: (UInt64) -> [UInt8]) -> Bool {
    guard state.lost > 0 else { return true }
    guard put(remark(state.lost), &state) else { return false }
    state.lost = 0
    return state.rest.isEmpty
  }

  /// Whether the line is written, but for a rest that is kept.
  private func put(_ line: [UInt8], _ state: inout State) -> Bool {
    let count = take(line)
    guard count > 0 else { return false }
    state.rest = Array(line[count...])
    return true
  }

  /// Writes what is taken at once. Returns how many bytes that are.
  private func take(_ bytes: [UInt8]) -> Int {
    let target = ownOpening.rawValue >= 0 ? ownOpening.rawValue : descriptor
    return bytes.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let part = bytes[done...].prefix(mostAtOnce)
        guard LogSink.hasRoom(target) else { break }
        let count = Glibc.write(
          target, UnsafeRawBufferPointer(rebasing: part).baseAddress, part.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        done += count
      }
      return done
    }
  }

  /// A reader that has gone has no room either: a write would bring a signal.
  private static func hasRoom(_ descriptor: Int32) -> Bool {
    var look = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return poll(&look, 1, 0) == 1 && look.revents == Int16(POLLOUT)
  }
}
