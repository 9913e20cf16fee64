import Candid
import Cluster
import Foundation
import HTTPTransport
import Logging
import RocksDBStorage
import Storage
import Testing
import WireProtocol

@testable import ScaledStorage

/// The methods by which a node is backed up, over HTTP, on a store on the disk.
@Suite struct NodeBackupTests {
  private final class DiskNode {
    let loop: EventLoop
    let client: HTTPClient
    let runtime: NodeRuntime
    let server: NodeServer
    let address: SocketAddress
    let store: RocksDBEngine
    let folder: String
    private let credential = Credential.random()

    init(
      folder: String = NSTemporaryDirectory() + "node-backup-" + UUID().uuidString,
      limit: Int = 1 << 20
    ) throws {
      self.folder = folder
      loop = try EventLoop()
      client = HTTPClient(loop: loop)
      store = try RocksDBEngine(path: folder + "/store")
      var settings = NodeRuntime.Settings()
      settings.backupFolder = folder + "/backup"
      settings.maximumValueBytes = limit
      runtime = try NodeRuntime(
        loop: loop, store: store, access: AccessControl(Credentials(credential)),
        settings: settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
      address = try server.listen(on: .loopback())
      runtime.address = address.description
      guard !runtime.isInitialised else { return }
      runtime.initialise(InitCanisterManagerParam(args: nil)) { [loop] _ in loop.stop() }
      loop.run()
    }

    func put(_ key: String, _ value: String) throws {
      let request = ClientRequest(method: .put, target: "/kv/" + key, body: Array(value.utf8))
      let response = try client.sendAndWait(request, to: address, deadline: .seconds(60))
      #expect([200, 201].contains(response.status))
    }

    func call<Argument: CandidConvertible>(
      _ method: String, _ argument: Argument
    ) throws -> ClientResponse {
      while true {
        let request = ClientRequest(
          method: .post, target: "/" + method,
          headers: [
            ("content-type", "application/candid"), ("accept", "application/candid"),
            ("authorization", credential.headerValue),
          ], body: try CandidArguments.encode(argument))
        let response = try client.sendAndWait(request, to: address, deadline: .seconds(60))
        // What earlier lives left is removed first.
        guard response.status == 503 else { return response }
      }
    }

    func begin(_ name: String, owner: String = "me", epoch: UInt64 = 1) throws -> BackupContents {
      let response = try call(
        "backup_begin", BackupBegin(backup: name, owner: owner, epoch: epoch))
      #expect(response.status == 200, "\(Problem(answer: response).detail)")
      return try CandidArguments.decode(response.body, as: BackupContents.self)
    }

    func code(_ response: ClientResponse) -> String { response.header("ss-error") ?? "" }

    var asideFolders: [String] {
      (try? FileManager.default.contentsOfDirectory(atPath: folder + "/backup")) ?? []
    }

    func stop() {
      server.shutdown(within: .seconds(10)) { [loop] in loop.stop() }
      loop.run()
      store.close()
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }
  }

  @Test("The parts of all files make a store with what was acknowledged before")
  func parts() throws {
    let node = try DiskNode()
    defer { node.stop() }
    for number in 0..<100 { try node.put("key-\(number)", "value \(number)") }
    let contents = try node.begin("first")
    try node.put("key-100", "later")
    #expect(try node.begin("first").files == contents.files, "it is answered the same again")
    #expect(contents.node == node.runtime.node.id && contents.epoch == 1)
    let copy = node.folder + "/copy"
    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
    for file in contents.files {
      var bytes: [UInt8] = []
      while UInt64(bytes.count) < file.size {
        let count = UInt32(min(1_000, file.size - UInt64(bytes.count)))
        let read = BackupRead(
          backup: "first", file: file.name, offset: UInt64(bytes.count), count: count)
        let part = try CandidArguments.decode(
          try node.call("backup_read", read).body, as: BackupPart.self)
        #expect(part.data.count == Int(count) && SHA256.digest(part.data) == part.sha256)
        bytes += part.data
      }
      #expect(SHA256.digest(Array(bytes.suffix(BackupFile.tailByteCount))) == file.tail)
      try Data(bytes).write(to: URL(fileURLWithPath: copy + "/" + file.name))
    }
    let archive = try RocksDBArchive(path: copy)
    let page = try StoredRecords.page(of: archive, from: [])
    #expect(page.records.count == 100 && page.next == nil)
    let identity = try StoredRecords.identity(of: archive)
    #expect(identity.node == contents.node && !identity.isUnsettled)
    #expect(identity.statistics.keys == 100)
    #expect(node.runtime.backups.completed == nil)
    let end = BackupEnd(backup: "first", isComplete: true)
    #expect(try node.call("backup_end", end).status == 200)
    let completed = try #require(node.runtime.backups.completed)
    #expect(completed > 1_700_000_000_000 && completed <= WallClock.milliseconds)
    // Neither one that was given up nor one that is not here says anything.
    _ = try node.begin("second")
    #expect(try node.call("backup_end", BackupEnd(backup: "second")).status == 200)
    #expect(try node.call("backup_end", end).status == 200)
    #expect(node.runtime.backups.completed == completed)
    let gone = BackupRead(backup: "first", file: contents.files[0].name, offset: 0, count: 1)
    #expect(node.code(try node.call("backup_read", gone)) == "unknown_backup")
  }

  @Test("What cannot be set aside or read is refused with a reason")
  func refusals() throws {
    let node = try DiskNode()
    defer { node.stop() }
    func begin(_ name: String, _ owner: String = "me", epoch: UInt64 = 1) throws -> String {
      node.code(
        try node.call("backup_begin", BackupBegin(backup: name, owner: owner, epoch: epoch)))
    }
    for name in ["", "../up", "A", "a/b", ".", String(repeating: "a", count: 65)] {
      #expect(try begin(name) == "malformed", "\(name)")
    }
    #expect(try begin("name", epoch: 2) == "stale_epoch")
    let contents = try node.begin("mine")
    #expect(try begin("theirs", "others") == "backup_busy")
    #expect(node.asideFolders == ["mine"])
    let file = try #require(contents.files.first { $0.size > 0 })
    for (name, offset, count) in [
      (file.name, file.size, UInt32(1)), (file.name, 0, 0), (file.name, .max, 1),
      (file.name, 0, BackupRead.mostBytes + 1), ("../endpoint", 0, 1), ("", 0, 1),
    ] {
      let read = BackupRead(backup: "mine", file: name, offset: offset, count: count)
      let code = node.code(try node.call("backup_read", read))
      #expect(code == (name == file.name ? "malformed" : "unknown_backup"))
    }
    // Whoever asked before may begin anew.
    _ = try node.begin("mine-2")
    #expect(node.asideFolders == ["mine-2"])
  }

  @Test("What an earlier life of the node has set aside is removed")
  func restart() throws {
    let first = try DiskNode()
    try first.put("key", "value")
    _ = try first.begin("left")
    #expect(first.asideFolders == ["left"])
    first.stop()
    let node = try DiskNode(folder: first.folder)
    defer { node.stop() }
    let read = BackupRead(backup: "left", file: "CURRENT", offset: 0, count: 1)
    #expect(node.code(try node.call("backup_read", read)) == "unknown_backup")
    _ = try node.begin("next")
    #expect(node.asideFolders == ["next"])
    withExtendedLifetime(first) {}
  }

  @Test("The pages of a sum add up to that of the records, whatever their order")
  func sums() throws {
    let node = try DiskNode()
    defer { node.stop() }
    var expected = RecordSum()
    let now = UInt64(Date().timeIntervalSince1970 * 1_000)
    var records: [(key: [UInt8], record: Record)] = []
    for number in (0..<2_000).reversed() {
      let expiresAt = number % 3 == 0 ? now + 3_600_000 + UInt64(number) : nil
      let record = Record(
        version: Version(UInt64(number)), expiresAt: expiresAt, value: Array("\(number)".utf8))
      records.append((Array("key \(number)".utf8), record))
    }
    for entry in records { expected.add(key: entry.key, entry.record, horizon: now) }
    var data = TransferChunk.start()
    for entry in records.shuffled() {
      TransferChunk.append(key: entry.key, record: entry.record, to: &data)
    }
    let response = try node.call("restore_records", RestoreRecords(data: data, isOwn: false))
    let counts = try CandidArguments.decode(response.body, as: RestoreCounts.self)
    #expect(counts == RestoreCounts(stored: 2_000, kept: 0, expired: 0))
    var sum = RecordSum()
    var from: [UInt8]? = []
    while let begin = from {
      let page = try CandidArguments.decode(
        try node.call("backup_sum", SumRequest(epoch: 1, from: begin, horizon: now)).body,
        as: SumPage.self)
      let isSum = sum.add(page)
      #expect(isSum)
      from = page.next
    }
    #expect(sum == expected && sum.keys == 2_000)
    let later = try node.call(
      "backup_sum", SumRequest(epoch: 1, from: [], horizon: now + 7_200_000))
    #expect(try CandidArguments.decode(later.body, as: SumPage.self).keys == 1_333)
    for from in [[], [0], [0xff], [UInt8(ascii: "m")]] as [[UInt8]] {
      let page = try CandidArguments.decode(
        try node.call("backup_sum", SumRequest(epoch: 1, from: from, horizon: now)).body,
        as: SumPage.self)
      #expect([0, 2_000].contains(page.keys), "no other kind of entry is read")
    }
    #expect(
      node.code(try node.call("backup_sum", SumRequest(epoch: 9, from: [], horizon: 0)))
        == "stale_epoch")
  }

  @Test("Records that are damaged or too large are refused")
  func badRecords() throws {
    let node = try DiskNode(limit: 1_000)
    defer { node.stop() }
    var data = TransferChunk.start()
    let large = Record(version: Version(1), value: [UInt8](repeating: 0, count: 1_001))
    TransferChunk.append(key: [1], record: large, to: &data)
    for data in [data, Array(data.dropLast()), [], [9]] {
      let response = try node.call("restore_records", RestoreRecords(data: data, isOwn: false))
      #expect(response.status >= 400 && response.status < 501)
    }
    #expect(node.runtime.node.statistics.keys == 0)
  }

  @Test("A value, its key or its expiry that differ, or a missing record, change the sum")
  func sensitivity() {
    func sum(_ entries: [(String, String, UInt64?)]) -> RecordSum {
      var sum = RecordSum()
      for (key, value, expiresAt) in entries {
        sum.add(
          key: Array(key.utf8),
          Record(
            version: Version(.random(in: 0...9)), expiresAt: expiresAt, value: Array(value.utf8)),
          horizon: 0)
      }
      return sum
    }
    let sums = [
      sum([("a", "b", nil), ("c", "d", 5)]), sum([("a", "b", nil)]), sum([]),
      sum([("a", "b", nil), ("c", "d", 6)]), sum([("a", "b", nil), ("c", "e", 5)]),
      sum([("a", "d", nil), ("c", "b", 5)]), sum([("ab", "", nil), ("c", "d", 5)]),
    ]
    #expect(Set(sums.map(\.text)).count == sums.count)
    #expect(sums[0] == sum([("c", "d", 5), ("a", "b", nil)]))
  }

  @Test("The checksum is what any other program computes: those of before stay comparable")
  func knownSum() {
    var sum = RecordSum()
    sum.add(
      key: Array("bb".utf8), Record(version: Version(1), expiresAt: 1_795_335_330_123, value: []),
      horizon: 0)
    sum.add(
      key: Array("a".utf8), Record(version: Version(9), value: Array("one".utf8)), horizon: 0)
    #expect(
      sum.text == """
        8960fa020f298a9acd5df4bf612b3f58\
        1023efdaa16baf6e8d32cb7105c14944
        """)
    #expect(sum.keys == 2 && sum.bytes == 6)
  }
}
