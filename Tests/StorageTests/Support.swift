import Foundation
import HTTPTransport
import Testing

@testable import RocksDBStorage
@testable import Storage

/// A directory that is removed when the last reference goes.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/storage-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A small file system of its own, to fill up. nil where mounting is not permitted.
final class SmallFileSystem: Sendable {
  let path: String
  private let directory: TemporaryDirectory

  init?(megabytes: Int) throws {
    directory = try TemporaryDirectory()
    path = directory.path + "/mount"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let arguments = ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path]
    guard Self.run("mount", arguments) else { return nil }
  }

  deinit { _ = Self.run("umount", [path]) }

  /// Takes the room that is left.
  func fill() {
    let file = open(path + "/filler", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    defer { close(file) }
    let page = [UInt8](repeating: 0, count: 4_096)
    while write(file, page, page.count) > 0 {}
  }

  func removeFiller() { unlink(path + "/filler") }

  private static func run(_ command: String, _ arguments: [String]) -> Bool {
    let process = try? ProcessWatcher.spawn(
      executable: "/usr/bin/env", arguments: [command] + arguments,
      environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
    var status: Int32 = -1
    guard let process, waitpid(process, &status, 0) == process else { return false }
    return status == 0
  }
}

func batch(_ build: (inout WriteBatch) -> Void) -> WriteBatch {
  var batch = WriteBatch()
  build(&batch)
  return batch
}

func key(_ number: Int) -> [UInt8] {
  (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
}

extension StorageReader {
  /// Every entry, page by page.
  func all(
    from: [UInt8] = [], upTo: [UInt8]? = nil, limit: ScanLimit = ScanLimit(count: 7)
  ) throws -> [ScanEntry] {
    var entries: [ScanEntry] = []
    var start: [UInt8]? = from
    while let from = start {
      let page = try scan(from: from, upTo: upTo, limit: limit)
      entries += page.entries
      start = page.next
    }
    return entries
  }
}
