import Foundation
import HTTPTransport
import Testing

extension EndToEnd {
  /// The program under a service manager that it tells how it fares (sd_notify(3)).
  @Suite(.serialized, .timeLimit(.minutes(2)))
  final class ServiceManagerEndToEnd {
    private let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("scaled-storage-\(UUID().uuidString)")
    private let manager: Descriptor
    private var running: pid_t?

    init() throws {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let path = directory.path + "/notify"
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let raw = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      manager = Descriptor(owning: raw)
      let length = socklen_t(MemoryLayout<sockaddr_un>.size)
      let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(raw, $0, length) }
      }
      try #require(status == 0)
      // A program that says nothing more fails the test, and does not hold it up.
      var patience = timeval(tv_sec: 60, tv_usec: 0)
      let size = socklen_t(MemoryLayout<timeval>.size)
      try #require(setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &patience, size) == 0)
    }

    deinit {
      if let running {
        kill(running, SIGKILL)
        waitpid(running, nil, 0)
      }
      try? FileManager.default.removeItem(at: directory)
    }

    /// Waits for the next message that is not of the watchdog, as its lines.
    private func message() throws -> [String] {
      var bytes = [UInt8](repeating: 0, count: 4_096)
      while true {
        let count = recv(manager.rawValue, &bytes, bytes.count, 0)
        try #require(count > 0, "the program tells nothing more")
        let lines = String(decoding: bytes[..<count], as: UTF8.self)
          .split(separator: "\n").map(String.init)
        if lines != ["WATCHDOG=1"] { return lines }
      }
    }

    /// Waits for a message with this line.
    private func wait(for line: String) throws {
      while try !message().contains(line) {}
    }

    private func start(_ arguments: [String]) throws -> pid_t {
      let environment = ProcessInfo.processInfo.environment.merging([
        "NOTIFY_SOCKET": directory.path + "/notify", "WATCHDOG_USEC": "3000000",
      ]) { $1 }
      let process = try ProcessWatcher.spawn(
        executable: RunningCluster.program("scaled-storage").path,
        arguments: arguments + ["--data", directory.path + "/data", "--listen", "127.0.0.1:0"],
        environment: environment.map { "\($0.key)=\($0.value)" })
      running = process
      return process
    }

    private func end(_ process: pid_t) throws {
      kill(process, SIGTERM)
      try wait(for: "STOPPING=1")
      var status: Int32 = -1
      try #require(waitpid(process, &status, 0) == process)
      running = nil
      #expect(status == 0)
    }

    @Test("A blank node is ready, reads its files again when it is told to, and ends")
    func node() throws {
      let process = try start(["node"])
      #expect(try message() == ["STATUS=opens its store"])
      #expect(
        try message() == [
          "READY=1", "WATCHDOG_USEC=3000000", "STATUS=blank: waits for a gateway that needs it",
        ])
      kill(process, SIGHUP)
      #expect(try message().first == "RELOADING=1")
      #expect(try message().first == "READY=1")
      try end(process)
    }

    @Test("A gateway's own nodes do not answer to its manager")
    func gateway() throws {
      let process = try start(["up"])
      try wait(for: "READY=1")
      let nodes = directory.path + "/data/nodes"
      for name in try FileManager.default.contentsOfDirectory(atPath: nodes) {
        let endpoint = try String(contentsOfFile: "\(nodes)/\(name)/endpoint", encoding: .utf8)
        let number = try #require(endpoint.split(separator: " ").dropFirst().first)
        let environment = try #require(
          FileManager.default.contents(atPath: "/proc/\(number)/environ"))
        let variables = environment.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        #expect(!variables.isEmpty)
        #expect(!variables.contains { $0.hasPrefix("NOTIFY") || $0.hasPrefix("WATCHDOG") })
      }
      try end(process)
    }
  }
}
