import Foundation
import HTTPTransport
import Testing

@testable import RocksDBStorage
@testable import Storage

private let childVariable = "STORAGE_TESTS_CRASH_DIRECTORY"

@Suite struct CrashTests {
  /// The other half of the test below, run in a process of its own: commits until it is killed.
  @Test(.enabled(if: ProcessInfo.processInfo.environment[childVariable] != nil))
  func crashChild() throws {
    let path = try #require(ProcessInfo.processInfo.environment[childVariable])
    let durability = try #require(Durability(rawValue: (path as NSString).lastPathComponent))
    let engine = try RocksDBEngine(
      path: path,
      options: RocksDBOptions(durability: durability, writeBufferByteCount: 256 << 10))
    for number in 0..<1_000_000 {
      let value = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1_000)
      try engine.commit(
        batch {
          $0.put(key(number), value)
          $0.put([255] + key(number), value)
        })
      let line = Array("\nacknowledged \(number)\n".utf8)
      _ = line.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: Durability.allCases)
  func `what was acknowledged survives kill -9, and batches stay whole`(
    durability: Durability
  ) throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/" + durability.rawValue
    let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    var arguments = Array(CommandLine.arguments.dropFirst())
    while let index = arguments.firstIndex(where: { ["--filter", "--skip"].contains($0) }) {
      arguments.removeSubrange(index..<min(index + 2, arguments.count))
    }
    let environment = ProcessInfo.processInfo.environment.merging([childVariable: path]) { $1 }
    let output = Pipe()
    let process = try ProcessWatcher.spawn(
      executable: executable.path, arguments: arguments + ["--filter", "CrashTests.crashChild"],
      environment: environment.map { "\($0.key)=\($0.value)" },
      standardOutput: .descriptor(output.fileHandleForWriting.fileDescriptor))
    try output.fileHandleForWriting.close()

    var acknowledged = -1
    var rest = ""
    while acknowledged < 1_000 {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { break }
      rest += String(decoding: data, as: UTF8.self)
      var lines = rest.split(separator: "\n", omittingEmptySubsequences: false)
      rest = String(lines.removeLast())
      for line in lines where line.hasPrefix("acknowledged ") {
        acknowledged = Int(line.dropFirst("acknowledged ".count)) ?? acknowledged
      }
    }
    let locked = #expect(throws: StorageError.self) { try RocksDBEngine(path: path) }
    #expect(locked?.code == .locked)
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
    try #require(acknowledged >= 1_000, "the child did not get far: \(rest)")

    let engine = try RocksDBEngine(path: path)
    for number in 0...acknowledged {
      let value = try engine.get(key(number))
      #expect(value == [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1_000))
    }
    let first = try engine.all(upTo: [255], limit: ScanLimit()).map(\.key)
    let second = try engine.all(from: [255], limit: ScanLimit()).map { Array($0.key.dropFirst()) }
    #expect(first == second)
    engine.close()
  }
}
