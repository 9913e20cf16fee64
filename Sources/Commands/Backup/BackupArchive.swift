import Candid
import Cluster
import Foundation
import HTTPTransport
import Placement
import RocksDBStorage
import ScaledStorage
import Storage

/// The store of one node as a backup has it, opened to be read.
final class BackupArchive {
  let node: BackupManifest.Node
  let identity: StoredRecords.Identity
  private let archive: RocksDBArchive
  private let links: String

  /// - Throws: `CommandFailure` that says what is wrong.
  init(_ node: BackupManifest.Node, in folder: BackupFolder) throws(CommandFailure) {
    self.node = node
    // Under their names of before, and where RocksDB may write its log: the folder of backups may
    // be on a medium that is only read.
    links = NSTemporaryDirectory() + "scaled-storage-backup-" + UUID().uuidString
    do {
      try FileManager.default.createDirectory(
        atPath: links, withIntermediateDirectories: false,
        attributes: [.posixPermissions: 0o700])
      let objects = URL(fileURLWithPath: folder.objects).standardizedFileURL.path
      for file in node.files {
        try FileManager.default.createSymbolicLink(
          atPath: links + "/" + file.name, withDestinationPath: objects + "/" + file.object)
      }
      archive = try RocksDBArchive(path: links)
      identity = try StoredRecords.identity(of: archive)
    } catch {
      try? FileManager.default.removeItem(atPath: links)
      throw BackupArchive.failure(node.id, error)
    }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: links)
  }

  private static func failure(_ node: String, _ error: any Error) -> CommandFailure {
    let reason =
      switch error {
      case let error as StorageError: error.message
      case let error as ClusterError: error.message
      default: "\(error)"
      }
    return CommandFailure("the data of \(node) cannot be read: \(reason)")
  }

  /// Throws what is wrong with the store as a part of a backup of the whole cluster.
  func check(_ manifest: BackupManifest) throws(CommandFailure) {
    let map = identity.map
    guard identity.node.text == node.id else {
      throw CommandFailure("the data of \(node.id) is that of \(identity.node.text)")
    }
    guard map.clusterID == manifest.cluster, map.ring.epoch == manifest.epoch,
      map.digestText == manifest.ringDigest
    else {
      throw CommandFailure(
        "the data of \(node.id) is of epoch \(map.ring.epoch), ring \(map.digestText), cluster "
          + "\(map.clusterID), not of \(manifest.epoch), \(manifest.ringDigest), "
          + manifest.cluster)
    }
    guard !identity.isUnsettled else {
      throw CommandFailure("keys were moving at \(node.id) when its data was set aside")
    }
    let members = Set(map.members.map(\.text))
    guard members == Set(manifest.nodes.map(\.id)), members.count == manifest.nodes.count else {
      throw CommandFailure(
        "the ring had the members \(members.sorted().joined(separator: ", ")), and the backup has "
          + "\(manifest.nodes.map(\.id).sorted().joined(separator: ", "))")
    }
  }

  /// Hands over every record that the node owned, page by page. Others, which a ring of before left
  /// here, are no longer true.
  func read(
    _ body: ([(key: [UInt8], record: Record)]) throws(CommandFailure) -> Void
  ) throws(CommandFailure) -> RecordCensus {
    var census = RecordCensus()
    var cursor = RecordCursor()
    while let records = try page(&cursor, &census) { try body(records) }
    return census
  }

  /// The next page of the records that the node owned; nil after the last.
  func page(
    _ cursor: inout RecordCursor, _ census: inout RecordCensus
  ) throws(CommandFailure) -> [(key: [UInt8], record: Record)]? {
    guard let from = cursor.next else { return nil }
    do throws(ClusterError) {
      let page = try StoredRecords.page(of: archive, from: from)
      cursor.next = page.next
      var owned: [(key: [UInt8], record: Record)] = []
      for entry in page.records {
        guard let value = entry.record.value else { continue }
        census.keys += 1
        census.bytes += UInt64(entry.key.count + value.count)
        if identity.map.owner(of: entry.key) == identity.node {
          owned.append(entry)
        } else {
          census.foreign += 1
        }
      }
      return owned
    } catch {
      throw BackupArchive.failure(node.id, error)
    }
  }

  /// The module that the node had.
  func module() throws(CommandFailure) -> Module? {
    do throws(ClusterError) {
      return try Module.stored { (name) throws(ClusterError) in
        try StoredRecords.extra(name, of: archive)
      }
    } catch {
      throw BackupArchive.failure(node.id, error)
    }
  }

  func moduleDigest() throws(CommandFailure) -> String? {
    do throws(ClusterError) {
      return try Module.storedDigest { (name) throws(ClusterError) in
        try StoredRecords.extra(name, of: archive)
      }.map(SHA256.hexadecimal)
    } catch {
      throw BackupArchive.failure(node.id, error)
    }
  }
}

/// Where a reader of an archive is.
struct RecordCursor {
  fileprivate(set) var next: [UInt8]? = []
}

/// What a reader of an archive has found.
struct RecordCensus {
  /// Values, expired ones included, as nodes count them.
  var keys: UInt64 = 0
  var bytes: UInt64 = 0
  /// Of these, what the node did not own.
  var foreign: UInt64 = 0
}
