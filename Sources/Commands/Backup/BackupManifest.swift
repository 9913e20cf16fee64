import Cluster
import Foundation
import HTTPTransport

/// What one backup is made of. It is written last: a backup without a manifest is none.
///
/// On disk it is a line of JSON, and a line with the SHA-256 of that one.
struct BackupManifest: Codable, Hashable {
  static let currentFormat = 1

  var format = BackupManifest.currentFormat
  /// The moment of the backup, as its folder is named.
  var name: String
  var cluster: String
  var epoch: UInt64
  var ringDigest: String
  /// When the data was set aside: each write that was acknowledged before is in the backup.
  /// Milliseconds since 1970.
  var takenAt: UInt64
  /// Of the program that made it.
  var version: String
  /// SHA-256 of the cluster's module.
  var module: String?
  var nodes: [Node]
  var sum: Sum?

  struct Node: Codable, Hashable {
    var id: String
    /// Live keys, and bytes of keys and values, as the node counted them.
    var keys: UInt64
    var bytes: UInt64
    var files: [File]
  }

  struct File: Codable, Hashable {
    /// As RocksDB calls it.
    var name: String
    /// As it lies among the objects.
    var object: String
  }

  /// The checksum of what had not expired when the backup was made.
  struct Sum: Codable, Hashable {
    var keys: UInt64
    var bytes: UInt64
    var checksum: String
  }

  var keys: UInt64 { nodes.reduce(0) { $0 &+ $1.keys } }
  var bytes: UInt64 { nodes.reduce(0) { $0 &+ $1.bytes } }

  /// The objects that the backup needs, each once.
  var objects: Set<String> { Set(nodes.flatMap { $0.files.map(\.object) }) }

  // MARK: - On disk

  func encoded() throws -> [UInt8] {
    let line = try JSONOutput.line(self)
    return line + Array("sha256 \(SHA256.hexadecimal(SHA256.digest(line)))\n".utf8)
  }

  /// - Throws: `CommandFailure` that says what is wrong with the bytes.
  init(_ bytes: [UInt8], name: String) throws(CommandFailure) {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
      throw CommandFailure("its manifest is cut short")
    }
    let line = Array(bytes[...end])
    let expected = "sha256 \(SHA256.hexadecimal(SHA256.digest(line)))\n"
    guard bytes[(end + 1)...].elementsEqual(expected.utf8) else {
      throw CommandFailure("its manifest does not match its own checksum")
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      let format = try decoder.decode(Format.self, from: Data(line)).format
      guard format == BackupManifest.currentFormat else {
        throw CommandFailure("its manifest has the format \(format); use a later program")
      }
      self = try decoder.decode(BackupManifest.self, from: Data(line))
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure("its manifest cannot be read: \(error)")
    }
    try check(name)
  }

  private struct Format: Decodable {
    var format: Int
  }

  /// Names become paths.
  private func check(_ folder: String) throws(CommandFailure) {
    guard name == folder else { throw CommandFailure("its manifest is that of \(name)") }
    for file in nodes.lazy.flatMap(\.files) {
      guard FileName.isPlain(file.name), ObjectName(file.object) != nil else {
        throw CommandFailure("its manifest names a file as no file is named: \(file)")
      }
    }
  }

  init(
    name: String, cluster: String, epoch: UInt64, ringDigest: String, takenAt: UInt64,
    version: String, module: String?, nodes: [Node], sum: Sum?
  ) {
    self.name = name
    self.cluster = cluster
    self.epoch = epoch
    self.ringDigest = ringDigest
    self.takenAt = takenAt
    self.version = version
    self.module = module
    self.nodes = nodes
    self.sum = sum
  }
}

enum FileName {
  /// Whether a name from elsewhere is that of a file in a folder, and no more.
  static func isPlain(_ name: String) -> Bool {
    (1...255).contains(name.utf8.count) && name.first != "."
      && name.utf8.allSatisfy { byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
      }
  }
}

/// An object's name tells its contents: the SHA-256 of the last 16 KiB, by which a file that was
/// fetched before is known without reading it again, the size, and the SHA-256 of all.
struct ObjectName: Hashable {
  let tail: String
  let size: UInt64
  let sha256: String

  init(tail: [UInt8], size: UInt64, sha256: [UInt8]) {
    self.tail = SHA256.hexadecimal(tail)
    self.size = size
    self.sha256 = SHA256.hexadecimal(sha256)
  }

  init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, FileName.isPlain(text), parts[0].utf8.count == 64,
      parts[2].utf8.count == 64, let size = UInt64(parts[1]),
      size <= BackupFile.mostBytes
    else { return nil }
    tail = parts[0]
    self.size = size
    sha256 = parts[2]
  }

  var text: String { "\(tail).\(size).\(sha256)" }
}
