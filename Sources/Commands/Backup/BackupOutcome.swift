/// What `backup` prints.
struct BackupOutcome: Encodable {
  var backup: String
  var epoch: UInt64
  var nodes: Int
  var keys: UInt64
  var bytes: UInt64
  /// Bytes of files, of those that were fetched and of those that were there already.
  var fetchedBytes: UInt64
  var reusedBytes: UInt64
  var checksum: String?
  var seconds: Double
  /// Until every node had set its data aside.
  var asideSeconds: Double

  init(
    _ manifest: BackupManifest, fetchedBytes: UInt64, reusedBytes: UInt64, seconds: Double,
    asideSeconds: Double
  ) {
    backup = manifest.name
    epoch = manifest.epoch
    nodes = manifest.nodes.count
    keys = manifest.keys
    bytes = manifest.bytes
    self.fetchedBytes = fetchedBytes
    self.reusedBytes = reusedBytes
    checksum = manifest.sum?.checksum
    self.seconds = seconds
    self.asideSeconds = asideSeconds
  }

  var text: String {
    var text = "backup \(backup): \(Figures.grouped(keys)) keys, \(Figures.bytes(bytes)), of "
    text += "\(nodes) node\(nodes == 1 ? "" : "s") at epoch \(epoch); "
    text +=
      "\(Figures.bytes(fetchedBytes)) fetched and \(Figures.bytes(reusedBytes)) there already "
    text += "in \(Figures.fixed(seconds, places: 1)) s\n"
    if let checksum { text += "checksum \(checksum)\n" }
    return text
  }
}

/// What `restore` prints.
struct RestoreOutcome: Encodable {
  var backup: String
  var stored: UInt64
  /// Keys that had a value already.
  var kept: UInt64
  var expired: UInt64
  /// Whether the cluster has the backup's checksum; nil when it had keys before.
  var isEqual: Bool?
  var checksum: String?
  var seconds: Double

  var text: String {
    var text = "restored \(backup): \(Figures.grouped(stored)) keys stored"
    if kept > 0 { text += ", \(Figures.grouped(kept)) there already" }
    if expired > 0 { text += ", \(Figures.grouped(expired)) expired" }
    text += ", in \(Figures.fixed(seconds, places: 1)) s\n"
    switch isEqual {
    case true?: text += "checksum equal: \(checksum ?? "")\n"
    case false?: text += "the cluster does not have the backup's checksum\n"
    case nil: text += "the cluster had keys before, so its checksum was not compared\n"
    }
    return text
  }
}

/// What `verify` prints of a backup.
struct VerifyOutcome: Encodable {
  var backup: String
  var nodes: Int?
  var epoch: UInt64?
  /// Of what had not expired when the backup was made.
  var keys: UInt64?
  var checksum: String?
  /// Whether a running cluster has the same records.
  var isEqual: Bool?
  var problems: [String]

  var isSound: Bool { problems.isEmpty && isEqual != false }

  var text: String {
    guard problems.isEmpty else {
      return "\(backup): damaged\n" + problems.map { "  \($0)\n" }.joined()
    }
    var text = "\(backup): sound, \(Figures.grouped(keys ?? 0)) keys of \(nodes ?? 0) nodes at "
    text += "epoch \(epoch ?? 0), checksum \(checksum ?? "")\n"
    if let isEqual { text += isEqual ? "the cluster is equal\n" : "the cluster is not equal\n" }
    return text
  }
}
