import Foundation
import HTTPTransport

/// `scaled-storage up` as a user would run it: a process of its own, on free ports, in a new
/// directory.
final class RunningCluster {
  let directory: URL
  private(set) var url = ""
  private(set) var address = SocketAddress.loopback()
  private var process: Process?
  private let output = Pipe()
  private let arguments: [String]

  /// The program that the tests were built with.
  static let program: URL = {
    let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    let candidates = [CommandLine.arguments[0], executable ?? ""] + CommandLine.arguments
    for path in candidates {
      var folder = URL(fileURLWithPath: path).deletingLastPathComponent()
      for _ in 0..<4 {
        let program = folder.appendingPathComponent("scaled-storage")
        if FileManager.default.isExecutableFile(atPath: program.path),
          !program.hasDirectoryPath
        {
          return program
        }
        folder.deleteLastPathComponent()
      }
    }
    return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent(".build/debug/scaled-storage")
  }()

  init(_ arguments: [String] = []) throws {
    directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("scaled-storage-\(UUID().uuidString)")
    self.arguments = arguments
    try start()
  }

  /// Starts the cluster, or starts it again on the same data, and waits until it is ready.
  func start() throws {
    let process = Process()
    process.executableURL = RunningCluster.program
    process.arguments =
      ["up", "--listen", "127.0.0.1:0", "--data", directory.path, "--log-level", "info"] + arguments
    let output = Pipe()
    process.standardOutput = output
    let log = directory.appendingPathExtension("log")
    if !FileManager.default.fileExists(atPath: log.path) {
      try Data().write(to: log)
    }
    let handle = try FileHandle(forWritingTo: log)
    try handle.seekToEnd()
    process.standardError = handle
    try process.run()
    self.process = process
    var line = Data()
    // The line comes once the cluster serves; the end of the stream means that it never will.
    while !line.contains(0x0a) {
      let data = output.fileHandleForReading.availableData
      guard !data.isEmpty else { throw ClusterFailure("the cluster ended before it was ready") }
      line += data
    }
    let text = String(decoding: line, as: UTF8.self)
    guard let range = text.range(of: "http://") else { throw ClusterFailure(text) }
    url = String(text[range.lowerBound...].prefix { $0 != " " })
    address = try HTTPEndpoint(url).resolve()
  }

  /// Ctrl-C, and the exit status. The second signal is another one: two alike could become one.
  func stop(twice: Bool = false) -> Int32 {
    guard let process else { return -1 }
    process.interrupt()
    if twice { process.terminate() }
    process.waitUntilExit()
    self.process = nil
    return process.terminationStatus
  }

  /// kill -9 of the gateway; its nodes go on.
  func killGateway() {
    guard let process else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    self.process = nil
  }

  /// The processes of this cluster's nodes.
  var nodeProcesses: [pid_t] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap(pid_t.init).filter { process in
      let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
      let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      return words.count > 3 && words[1] == "node" && words[3].hasPrefix(directory.path)
    }
  }

  /// Ends what is left and removes the data.
  func remove() {
    if process != nil { _ = stop() }
    for process in nodeProcesses { kill(process, SIGKILL) }
    try? FileManager.default.removeItem(at: directory)
    try? FileManager.default.removeItem(at: directory.appendingPathExtension("log"))
  }

  var log: String {
    (try? String(contentsOf: directory.appendingPathExtension("log"), encoding: .utf8)) ?? ""
  }

  /// Runs the program with `arguments` against this cluster.
  func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = RunningCluster.program
    process.arguments = arguments + ["--url", url]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}

struct ClusterFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
