import Foundation
import Glibc
import HTTPTransport
import ScaledStorage

/// Looks at backups as a restore would, and tells all that is wrong.
struct BackupVerifier {
  let folder: BackupFolder
  /// What was found of each object: nil when it is sound.
  private var judged: [String: String?] = [:]
  private var progress = ProgressDisplay("verify", unit: "bytes")

  struct Verdict {
    var name: String
    var manifest: BackupManifest?
    var sum = RecordSum()
    var problems: [String] = []
  }

  init(_ folder: BackupFolder) {
    self.folder = folder
  }

  /// Reads all of a backup: each object's checksum, each store, each record.
  mutating func verify(_ name: String) -> Verdict {
    var verdict = Verdict(name: name)
    defer { progress.end() }
    do throws(CommandFailure) {
      let manifest = try folder.manifest(name)
      verdict.manifest = manifest
      let objects = manifest.objects.sorted()
      let size = objects.reduce(UInt64(0)) { $0.adding(atMost: ObjectName($1)?.size ?? 0) }
      var seen: UInt64 = 0
      for object in objects {
        seen = seen.adding(atMost: ObjectName(object)?.size ?? 0)
        progress.update(seen, fraction: Double(seen) / Double(max(1, size)))
        if let problem = try judge(object) { verdict.problems.append(problem) }
      }
      // The stores of sound objects only: others would be told of twice.
      guard verdict.problems.isEmpty else { return verdict }
      try checkStores(manifest, &verdict)
    } catch {
      verdict.problems.append(error.message)
    }
    return verdict
  }

  private func checkStores(
    _ manifest: BackupManifest, _ verdict: inout Verdict
  ) throws(CommandFailure) {
    if manifest.nodes.isEmpty { verdict.problems.append("it has no nodes") }
    var digests: Set<String> = []
    for node in manifest.nodes {
      do throws(CommandFailure) {
        let archive = try BackupArchive(node, in: folder)
        try archive.check(manifest)
        if let module = try archive.module() {
          digests.insert(SHA256.hexadecimal(module.digest))
        }
        try BackupVerifier.count(archive, horizon: manifest.takenAt, &verdict.sum)
      } catch {
        verdict.problems.append(error.message)
      }
    }
    if let module = manifest.module, !digests.contains(module) {
      verdict.problems.append("the cluster's module \(module.prefix(12)) is at no node")
    }
    guard verdict.problems.isEmpty, let sum = manifest.sum else { return }
    if sum.checksum != verdict.sum.text || sum.keys != verdict.sum.keys {
      verdict.problems.append(
        "its records have the checksum \(verdict.sum.text), not \(sum.checksum) as when it was made"
      )
    }
  }

  /// Reads every record of a store, and compares their number with what the node had counted.
  static func count(
    _ archive: BackupArchive, horizon: UInt64, _ sum: inout RecordSum
  ) throws(CommandFailure) {
    let census = try archive.read { (records) throws(CommandFailure) in
      for entry in records { sum.add(key: entry.key, entry.record, horizon: horizon) }
    }
    let expected = archive.identity.statistics
    guard census.keys == expected.keys, census.bytes == expected.bytes else {
      throw CommandFailure(
        "the data of \(archive.node.id) has \(census.keys) keys of \(census.bytes) bytes, and the "
          + "node had counted \(expected.keys) of \(expected.bytes)")
    }
    guard census.foreign == 0 else {
      throw CommandFailure(
        "the data of \(archive.node.id) has \(census.foreign) keys that the node did not own")
    }
  }

  private mutating func judge(_ object: String) throws(CommandFailure) -> String? {
    if let known = judged[object] { return known }
    let path = folder.objects + "/" + object
    let problem = try BackupVerifier.problem(of: object, at: path)
    judged[object] = problem
    return problem
  }

  private static func problem(
    of object: String, at path: String
  ) throws(CommandFailure) -> String? {
    guard let name = ObjectName(object) else { return "\(object) is no object's name" }
    guard let size = DurableFile.size(path) else { return "\(path) is missing" }
    guard size == name.size else {
      return "\(path) has \(size) bytes, not \(name.size); remove it, and the next backup may "
        + "fetch it again"
    }
    guard try SHA256.hexadecimal(digest(of: path)) == name.sha256 else {
      return "\(path) is damaged: its SHA-256 is another; remove it, and the next backup may fetch "
        + "it again"
    }
    return nil
  }

  private static func digest(of path: String) throws(CommandFailure) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw DurableFile.failure("opened", path) }
    defer { close(file) }
    let stream = SHA256.Stream()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw DurableFile.failure("read", path) }
      if count == 0 { return stream.finish() }
      stream.add(count == buffer.count ? buffer : Array(buffer[..<count]))
    }
  }
}
