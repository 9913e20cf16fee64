import ArgumentParser
import Foundation
import Glibc
import HTTPTransport
import Logging
import Synchronization
import Testing
import WireProtocol

@testable import ScaledStorage
@testable import ScaledStorageService

/// What is read again while a service runs.
struct ServiceAccessTests {
  private let folder: TemporaryFolder
  private let log = LogLines()
  private var list: String { folder.path + "/access" }
  private static let digest = String(repeating: "0a", count: 32)

  init() throws {
    folder = try TemporaryFolder()
    try SecretFile.make(folder.path + "/access", "ada read sha256:\(Self.digest)\n")
  }

  private func access() throws -> ServiceAccess {
    let options = ["--data", folder.path + "/data", "--access-file", list]
    var settings = try ServiceSettings(
      try ServiceOptions.parse(options), try Configuration(file: nil, environment: [:]),
      listen: "127.0.0.1:0")
    try settings.makeDirectory()
    return try ServiceAccess(settings, program: "node", logger: log.logger)
  }

  @Test("What is taken away while a file cannot be read is gone as soon as it can be")
  func retries() throws {
    let access = try access()
    #expect(access.control.rules.list?.names == ["ada"])
    // Its place is taken by what opens, and cannot be read, until the very file is back.
    let replacement = folder.path + "/replacement"
    try SecretFile.make(replacement, "eve read sha256:\(Self.digest)\n")
    #expect(unlink(list) == 0 && mkdir(list, 0o700) == 0)
    access.look()
    access.look()
    #expect(access.control.rules.list?.names == ["ada"])
    #expect(log.lines.count { $0.contains("stays in force") } == 1)
    #expect(rmdir(list) == 0 && rename(replacement, list) == 0)
    access.look()
    #expect(access.control.rules.list?.names == ["eve"])
  }

  @Test("Another mode of a file is a change")
  func marks() throws {
    let mark = FileMark(list)
    #expect(mark == FileMark(list))
    // A clock of the file system stands still for a while.
    while FileMark(list) == mark {
      #expect(chmod(list, 0o640) == 0)
    }
  }
}

struct FileLockTests {
  @Test("Of two who change a file at once neither undoes what the other did")
  func turns() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("access", [])
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<25 {
            try FileLock.holding(path, waiting: {}) {
              let bytes = FileManager.default.contents(atPath: path) ?? Data()
              try (bytes + [1]).write(to: URL(fileURLWithPath: path))
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(FileManager.default.contents(atPath: path)?.count == 200)
    let lock = try FileManager.default.attributesOfItem(atPath: path + ".lock")
    #expect(lock[.posixPermissions] as? Int == 0o600)
  }

  @Test("A link and what it leads to have one lock, and what cannot be locked is told of")
  func links() throws {
    let folder = try TemporaryFolder()
    let (path, link) = (try folder.write("access", []), folder.path + "/link")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    try FileLock.holding(link, waiting: {}) {
      #expect(FileManager.default.fileExists(atPath: path + ".lock"))
    }
    #expect(!FileManager.default.fileExists(atPath: link + ".lock"))
    #expect(throws: ServiceFailure.self) {
      try FileLock.holding(path + "/below", waiting: {}) {}
    }
  }
}

/// Keeps what is logged.
private final class LogLines: Sendable {
  private let kept = Mutex<[String]>([])

  var lines: [String] { kept.withLock { $0 } }

  var logger: Logger {
    Logger(label: "test") { [self] _ in Handler(lines: self) }
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let line = event.message.description
      lines.kept.withLock { $0.append(line) }
    }
  }
}
