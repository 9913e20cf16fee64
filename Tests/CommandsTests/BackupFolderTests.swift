import Cluster
import Foundation
import HTTPTransport
import Testing

@testable import Commands

/// The folder of backups and its manifests, without a cluster.
@Suite struct BackupFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var path: String { folder.path + "/backups" }

  /// A file as a node would tell of it, and its bytes.
  private func file(_ name: String, _ text: String) -> (file: BackupFile, bytes: [UInt8]) {
    let bytes = Array(text.utf8)
    return (
      BackupFile(
        name: name, size: UInt64(bytes.count),
        tail: SHA256.digest(Array(bytes.suffix(BackupFile.tailByteCount)))), bytes
    )
  }

  private func store(_ name: String, _ text: String, in backups: BackupFolder) throws -> ObjectName
  {
    let (file, bytes) = file(name, text)
    let writer = try ObjectWriter(file, in: backups, number: 0)
    for part in stride(from: 0, to: bytes.count, by: 5) {
      let data = Array(bytes[part..<min(part + 5, bytes.count)])
      try writer.write(
        BackupPart(data: data, sha256: SHA256.digest(data)), expecting: UInt32(data.count))
    }
    return try writer.finish()
  }

  private func manifest(_ name: String, _ objects: [ObjectName]) -> BackupManifest {
    BackupManifest(
      name: name, cluster: "c", epoch: 3, ringDigest: "d", takenAt: 1, version: "0", module: nil,
      nodes: [
        BackupManifest.Node(
          id: "n", keys: 1, bytes: 2,
          files: objects.map { BackupManifest.File(name: "000001.sst", object: $0.text) })
      ], sum: BackupManifest.Sum(keys: 1, bytes: 2, checksum: "x"))
  }

  @Test("A manifest is read as it was written, and refused when any byte of it is another")
  func manifests() throws {
    let backups = try BackupFolder(path, for: .write)
    let written = manifest("b", [try store("000001.sst", "some text", in: backups)])
    let bytes = try written.encoded()
    #expect(try BackupManifest(bytes, name: "b") == written)
    #expect(throws: CommandFailure.self) { try BackupManifest(bytes, name: "c") }
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 1
      #expect(throws: CommandFailure.self) { try BackupManifest(damaged, name: "b") }
    }
    for count in 0..<bytes.count {
      #expect(throws: CommandFailure.self) {
        try BackupManifest(Array(bytes.prefix(count)), name: "b")
      }
    }
    #expect(throws: CommandFailure.self) { try BackupManifest(bytes + [10], name: "b") }
  }

  @Test("A manifest of the first format is read as it always was")
  func firstFormat() throws {
    let digest = String(repeating: "0", count: 64)
    let line = """
      {"cluster":"c","epoch":3,"format":1,"name":"b","nodes":[{"bytes":2,\
      "files":[{"name":"CURRENT",\
      "object":"\(digest).16.\(digest)"}],"id":"n","keys":1}],"ring_digest":"d","sum":{"bytes":2,\
      "checksum":"x","keys":1},"taken_at":1795335330123,"version":"0.1.0"}

      """
    let text = line + "sha256 \(SHA256.hexadecimal(SHA256.digest(Array(line.utf8))))\n"
    let manifest = try BackupManifest(Array(text.utf8), name: "b")
    #expect(manifest.takenAt == 1_795_335_330_123 && manifest.ringDigest == "d")
    #expect(manifest.keys == 1 && manifest.bytes == 2 && manifest.module == nil)
    #expect(manifest.sum?.checksum == "x" && manifest.objects.count == 1)
    #expect(try Array(text.utf8) == manifest.encoded(), "it is written so, too")
    let later = line.replacing("\"format\":1", with: "\"format\":2")
    let other = later + "sha256 \(SHA256.hexadecimal(SHA256.digest(Array(later.utf8))))\n"
    #expect(throws: CommandFailure.self) { try BackupManifest(Array(other.utf8), name: "b") }
  }

  @Test("No manifest leads out of the folder", arguments: ["../x", "", ".", "a/b", "/etc/passwd"])
  func paths(name: String) throws {
    let backups = try BackupFolder(path, for: .write)
    var bad = manifest("b", [try store("000001.sst", "text", in: backups)])
    bad.nodes[0].files[0].name = name
    #expect(throws: CommandFailure.self) { try BackupManifest(bad.encoded(), name: "b") }
    bad.nodes[0].files[0] = BackupManifest.File(name: "fine", object: name)
    #expect(throws: CommandFailure.self) { try BackupManifest(bad.encoded(), name: "b") }
  }

  @Test("A file becomes an object only when all of it came, as the node described it")
  func objects() throws {
    let backups = try BackupFolder(path, for: .write)
    let text = String(repeating: "0123456789", count: 5_000)
    let name = try store("000007.sst", text, in: backups)
    #expect(
      name.size == 50_000 && name.sha256 == SHA256.hexadecimal(SHA256.digest(Array(text.utf8))))
    #expect(ObjectName(name.text) == name)
    let known = try ObjectIndex(backups)
    #expect(known.object(for: file("000007.sst", text).file) == name)
    #expect(known.object(for: file("MANIFEST-000007", text).file) == nil, "no table tells itself")
    #expect(known.object(for: file("000007.sst", text + "0").file) == nil)
    // Cut short as by a crash of the machine: it is fetched again.
    truncate(backups.objects + "/" + name.text, 49_999)
    #expect(try ObjectIndex(backups).object(for: file("000007.sst", text).file) == nil)

    let (described, bytes) = file("000008.sst", "as described")
    let short = try ObjectWriter(described, in: backups, number: 1)
    #expect(throws: CommandFailure.self) { try short.finish() }
    let other = try ObjectWriter(described, in: backups, number: 2)
    let wrong = Array("as describes".utf8)
    try other.write(
      BackupPart(data: wrong, sha256: SHA256.digest(wrong)), expecting: UInt32(wrong.count))
    #expect(throws: CommandFailure.self) { try other.finish() }
    let damaged = try ObjectWriter(described, in: backups, number: 3)
    #expect(throws: CommandFailure.self) {
      try damaged.write(
        BackupPart(data: bytes, sha256: SHA256.digest([])), expecting: UInt32(bytes.count))
    }
    #expect(throws: CommandFailure.self) {
      try damaged.write(
        BackupPart(data: Array(bytes.dropLast()), sha256: SHA256.digest(bytes.dropLast())),
        expecting: UInt32(bytes.count))
    }
  }

  @Test("What a program left that was killed is no backup, and in nobody's way")
  func leftovers() throws {
    do {
      let backups = try BackupFolder(path, for: .write)
      try backups.add(manifest("first", [try store("000001.sst", "one", in: backups)]))
      _ = try store("000002.sst", "two", in: backups)
    }
    for (name, text) in [
      ("incomplete/0.part", "some"), ("backups/second/manifest.part", "{"), ("format.part", ""),
    ] {
      let file = URL(fileURLWithPath: path + "/" + name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    let backups = try BackupFolder(path, for: .write)
    #expect(try backups.names == ["first"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: backups.incomplete) == [])
    #expect(try ObjectIndex(backups).object(for: file("000002.sst", "two").file) != nil)
    #expect(try backups.manifest(named: nil).name == "first")
    #expect(throws: CommandFailure.self) { try backups.manifest(named: "second") }
  }

  @Test("Old backups go with what they alone need; nothing goes while one cannot be read")
  func pruning() throws {
    let backups = try BackupFolder(path, for: .write)
    let shared = try store("000001.sst", "shared", in: backups)
    for (name, own) in [("1", "a"), ("2", "b"), ("3", "c")] {
      try backups.add(manifest(name, [shared, try store("00000\(name).sst", own, in: backups)]))
    }
    _ = try store("000009.sst", "nobody's", in: backups)
    #expect(try backups.prune(keeping: nil, added: "3") == 8)
    #expect(try backups.names == ["1", "2", "3"])
    #expect(try backups.prune(keeping: 2, added: "3") == 1)
    #expect(try backups.names == ["2", "3"])
    #expect(try DurableFile.names(in: backups.objects).count == 3)
    try Data("{".utf8).write(to: URL(fileURLWithPath: path + "/backups/2/manifest"))
    _ = try store("000009.sst", "nobody's", in: backups)
    #expect(throws: CommandFailure.self) { try backups.prune(keeping: nil, added: "3") }
    #expect(try DurableFile.names(in: backups.objects).count == 4)
    #expect(throws: CommandFailure.self) { try backups.prune(keeping: 1, added: "4") }
    #expect(throws: CommandFailure.self) { try DurableFile.names(in: path + "/nothing") }
    let removed = try backups.prune(keeping: 1, added: "3")
    #expect(removed == 9, "the damaged one goes like any other")
    #expect(try backups.names == ["3"])
  }

  @Test("One program at a time adds backups, and no folder of other things is taken")
  func folders() throws {
    #expect(throws: CommandFailure.self) { try BackupFolder(path, for: .read) }
    do {
      let backups = try BackupFolder(path, for: .write)
      #expect(throws: CommandFailure.self) { try BackupFolder(path, for: .write) }
      #expect(throws: CommandFailure.self) { try BackupFolder(path, for: .read) }
      withExtendedLifetime(backups) {}
    }
    do {
      let reader = try BackupFolder(path, for: .read)
      _ = try BackupFolder(path, for: .read)
      #expect(throws: CommandFailure.self) { try BackupFolder(path, for: .write) }
      withExtendedLifetime(reader) {}
    }
    try Data("scaled-storage backup 2\n".utf8).write(to: URL(fileURLWithPath: path + "/format"))
    #expect(throws: CommandFailure.self) { try BackupFolder(path, for: .read) }
    let other = folder.path + "/other"
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: other + "/mine"))
    #expect(throws: CommandFailure.self) { try BackupFolder(other, for: .write) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: other) == ["mine"])
  }

  @Test("Backups are named by their moment, in order, each once")
  func names() throws {
    let backups = try BackupFolder(path, for: .write)
    let name = try backups.newName(at: 1_795_335_330_123)
    #expect(name == "2026-11-22T08-15-30Z")
    try backups.add(manifest(name, []))
    #expect(try backups.newName(at: 1_795_335_330_999) == name + "-2")
    #expect(try name + "-2" > name && backups.newName(at: 1_795_335_331_000) > name + "-2")
    for number in 2...11 {
      // Also when the clock went back.
      let next = try backups.newName(at: 1_795_335_000_000)
      #expect(next == "\(name)-\(number)")
      try backups.add(manifest(next, []))
      #expect(try backups.names.last == next)
    }
  }

  @Test("What is transferred keeps to its rate, and without one waits for nothing")
  func pace() throws {
    let loop = try EventLoop()
    for (rate, most, least) in [(UInt64(0), 60.0, 0.0), (100_000, 60, 0.19)] {
      let pace = TransferPace(loop, bytesPerSecond: rate)
      let begin = MonotonicTime.current()
      for _ in 0..<3 {
        pace.wait(for: 10_000) { loop.stop() }
        loop.run()
      }
      let seconds = (MonotonicTime.current() - begin).seconds
      #expect(seconds >= least && seconds < most)
    }
  }
}
