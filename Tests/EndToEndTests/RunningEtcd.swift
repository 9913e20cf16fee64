import Foundation
import HTTPTransport

/// A process `etcd` with one member.
final class RunningEtcd {
  private let directory: URL
  private var process: pid_t
  private let port: UInt16

  /// Debian's etcd-server, or another 3.4 or newer.
  static let path = ["/usr/bin/etcd", "/usr/local/bin/etcd"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  init() throws {
    directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("scaled-storage-etcd-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    port = try RunningPool.freePort()
    let peer = "http://127.0.0.1:\(try RunningPool.freePort())"
    process = try ProcessWatcher.spawn(
      executable: RunningEtcd.path ?? "etcd",
      arguments: [
        "--data-dir", directory.path + "/data", "--listen-client-urls", "http://127.0.0.1:\(port)",
        "--advertise-client-urls", "http://127.0.0.1:\(port)", "--listen-peer-urls", peer,
        "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=\(peer)",
      ],
      environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
      standardOutput: .file(directory.path + "/out"),
      standardError: .file(directory.path + "/log"))
  }

  /// What programs are told of it.
  var settings: [String] { ["--etcd", "127.0.0.1:\(port)", "--etcd-cluster", "test"] }

  func pause(_ isPaused: Bool) { kill(process, isPaused ? SIGSTOP : SIGCONT) }

  func remove() {
    kill(process, SIGKILL)
    while waitpid(process, nil, 0) < 0, errno == EINTR {}
    try? FileManager.default.removeItem(at: directory)
  }
}
