import Foundation
import HTTPTransport

/// `scaled-storage up`, or that of a service's own program, as a user would run it: a process of
/// its own, on free ports, in a new directory.
final class RunningCluster {
  let directory: URL
  private(set) var url = ""
  private(set) var address = SocketAddress.loopback()
  private var process: pid_t?
  private var arguments: [String]

  private let program: URL
  /// What commands are run with.
  private let tool: URL

  /// A program that the tests were built with.
  static func program(_ name: String) -> URL {
    let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    let candidates = [CommandLine.arguments[0], executable ?? ""] + CommandLine.arguments
    for path in candidates {
      var folder = URL(fileURLWithPath: path).deletingLastPathComponent()
      for _ in 0..<4 {
        let program = folder.appendingPathComponent(name)
        if FileManager.default.isExecutableFile(atPath: program.path),
          !program.hasDirectoryPath
        {
          return program
        }
        folder.deleteLastPathComponent()
      }
    }
    return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent(".build/debug/" + name)
  }

  /// - Parameter path: where the program is, instead of among those that the tests were built with.
  init(
    _ arguments: [String] = [], program name: String = "scaled-storage",
    programPath path: String? = nil
  ) throws {
    tool = RunningCluster.program(name)
    program = path.map { URL(fileURLWithPath: $0) } ?? tool
    directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("scaled-storage-\(UUID().uuidString)")
    self.arguments = arguments
    try start()
  }

  /// Starts the cluster, or starts it again on the same data, and waits until it is ready.
  func start(with arguments: [String]? = nil) throws {
    let arguments = arguments ?? self.arguments
    self.arguments = arguments
    try? FileManager.default.removeItem(atPath: outputFile)
    let process = try spawn(
      program, ["up", "--listen", "127.0.0.1:0", "--data", directory.path] + arguments,
      output: outputFile, errors: directory.path + ".log")
    self.process = process
    // The line comes once the cluster serves; a process that ended never will.
    while true {
      let text = (try? String(contentsOfFile: outputFile, encoding: .utf8)) ?? ""
      if text.hasSuffix("\n"), let range = text.range(of: "http") {
        url = String(text[range.lowerBound...].prefix { $0 != " " })
        address = try HTTPEndpoint(url).resolve()
        return
      }
      guard waitpid(process, nil, WNOHANG) == 0 else {
        self.process = nil
        throw ClusterFailure("the cluster ended before it was ready: \(log)")
      }
      usleep(2_000)
    }
  }

  /// Foundation's `Process` copies the table of descriptors and crashes when other threads, here
  /// those of the writers, open some meanwhile.
  private func spawn(
    _ program: URL, _ arguments: [String], output: String, errors: String
  ) throws -> pid_t {
    try ProcessWatcher.spawn(
      executable: program.path, arguments: arguments,
      environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
      standardOutput: .file(output), standardError: .file(errors))
  }

  private var outputFile: String { directory.path + ".out" }

  /// Waits for the end of a child and returns its exit status, or 128 and the signal.
  private func wait(for process: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
  }

  /// kill -9 of the nodes that run; the gateway starts them again.
  func killNodes() {
    for process in nodeProcesses { kill(process, SIGKILL) }
  }

  /// Ctrl-C, and the exit status. The second signal is another one: two alike could become one.
  func stop(twice: Bool = false) -> Int32 {
    guard let process else { return -1 }
    self.process = nil
    kill(process, SIGINT)
    if twice { kill(process, SIGTERM) }
    return wait(for: process)
  }

  /// kill -9 of the gateway; its nodes go on.
  func killGateway() {
    guard let process else { return }
    self.process = nil
    kill(process, SIGKILL)
    _ = wait(for: process)
  }

  /// The processes of this cluster's nodes.
  var nodeProcesses: [pid_t] { nodeProcesses(in: "") }

  /// The process of the node that has its data in this folder.
  func nodeProcesses(in folder: String) -> [pid_t] {
    let data = directory.path + "/nodes/" + folder
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap(pid_t.init).filter { process in
      let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
      let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      return words.count > 3 && words[1] == "node"
        && (folder.isEmpty ? words[3].hasPrefix(data) : words[3] == data)
    }
  }

  /// Ends what is left and removes the data.
  func remove() {
    if process != nil { _ = stop() }
    for process in nodeProcesses { kill(process, SIGKILL) }
    try? FileManager.default.removeItem(at: directory)
    for ending in [".log", ".out"] {
      try? FileManager.default.removeItem(atPath: directory.path + ending)
    }
  }

  var log: String {
    (try? String(contentsOfFile: directory.path + ".log", encoding: .utf8)) ?? ""
  }

  /// Runs the program with `arguments` against this cluster.
  func run(
    _ arguments: [String], atURL: Bool = true
  ) throws -> (status: Int32, output: String) {
    let output = directory.path + ".\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: output) }
    let process = try spawn(
      tool, arguments + (atURL ? ["--url", url] : []), output: output, errors: output)
    let status = wait(for: process)
    return (status, (try? String(contentsOfFile: output, encoding: .utf8)) ?? "")
  }
}

struct ClusterFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
