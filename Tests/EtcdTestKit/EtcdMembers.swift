import Foundation
import HTTPTransport

/// A real etcd cluster on this machine, with its members' data in a directory of its own.
package final class EtcdMembers {
  package struct NotStarted: Error {}

  private static let path = "/usr/bin/etcd"
  private static let controlPath = "/usr/bin/etcdctl"
  package static let isInstalled =
    FileManager.default.isExecutableFile(atPath: path)
    && FileManager.default.isExecutableFile(atPath: controlPath)

  package let endpoints: [String]
  private let peers: [String]
  private let directory: URL
  private var processes: [Int32] = []

  /// Elections take half of the usual time.
  private static let pace = ["--heartbeat-interval", "50", "--election-timeout", "500"]

  package init(_ count: Int = 1) throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("etcd-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let ports = try (0..<2 * count).map { _ in try EtcdMembers.freePort() }
    endpoints = ports[..<count].map { "127.0.0.1:\($0)" }
    peers = ports[count...].map { "http://127.0.0.1:\($0)" }
    processes = Array(repeating: 0, count: count)
    for index in 0..<count { try start(index) }
  }

  deinit { remove() }

  /// Kills what runs, and removes all data.
  package func remove() {
    for index in processes.indices where processes[index] > 0 { kill(index) }
    try? FileManager.default.removeItem(at: directory)
  }

  /// What programs are told of it.
  package var settings: [String] {
    ["--etcd", endpoints.joined(separator: ","), "--etcd-cluster", "test"]
  }

  /// A port that nobody listens on now.
  private static func freePort() throws -> UInt16 {
    let server = HTTPServer(loop: try EventLoop(), handler: Nobody())
    return try server.listen(on: .loopback()).port
  }

  private final class Nobody: RequestHandler {
    func handle(_ exchange: Exchange) -> Disposition { .done }
  }

  /// Starts a member on what it had.
  package func start(_ index: Int) throws {
    let cluster = peers.indices.map { "m\($0)=\(peers[$0])" }.joined(separator: ",")
    let client = "http://\(endpoints[index])"
    let arguments = [
      "--name", "m\(index)", "--data-dir", directory.path + "/m\(index)",
      "--listen-client-urls", client, "--advertise-client-urls", client,
      "--listen-peer-urls", peers[index], "--initial-advertise-peer-urls", peers[index],
      "--initial-cluster", cluster, "--logger", "zap", "--log-level", "error",
    ]
    processes[index] = try ProcessWatcher.spawn(
      executable: EtcdMembers.path, arguments: arguments + EtcdMembers.pace, environment: [])
  }

  package func kill(_ index: Int) {
    end(processes[index])
    processes[index] = 0
  }

  package func pause(_ index: Int) { signal(index, SIGSTOP) }
  package func resume(_ index: Int) { signal(index, SIGCONT) }

  private func signal(_ index: Int, _ signal: Int32) {
    Foundation.kill(processes[index], signal)
  }

  private func end(_ process: Int32) {
    Foundation.kill(process, SIGKILL)
    waitpid(process, nil, 0)
  }

  /// Runs `etcdctl` to its end.
  package func control(_ arguments: String...) throws {
    let process = try ProcessWatcher.spawn(
      executable: EtcdMembers.controlPath,
      arguments: ["--endpoints", endpoints.joined(separator: ",")] + arguments,
      environment: ["ETCDCTL_API=3"])
    var status: Int32 = 0
    waitpid(process, &status, 0)
    guard status == 0 else { throw NotStarted() }
  }
}
