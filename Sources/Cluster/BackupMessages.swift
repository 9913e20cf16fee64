package import Candid

/// `backup_begin`: sets a node's data aside, for as long as it is being fetched.
package struct BackupBegin: CandidRecord {
  /// Names what is set aside; lower-case letters, digits and hyphens.
  package var backup: String
  /// Who asks: it may replace what it had set aside before.
  package var owner: String
  /// The epoch that has to be in force, without a handover under way.
  package var epoch: UInt64

  package init(backup: String, owner: String, epoch: UInt64) {
    self.backup = backup
    self.owner = owner
    self.epoch = epoch
  }

  package static let candidFields = CandidFields(
    BackupBegin.init(backup:owner:epoch:), CandidMember("backup", \.backup),
    CandidMember("owner", \.owner), CandidMember("epoch", \.epoch))
}

/// What a node has set aside.
package struct BackupContents: CandidRecord {
  package var backup: String
  package var node: Principal
  package var epoch: UInt64
  /// That of the ring, as it is shown.
  package var digest: String
  package var cluster: String
  package var version: String
  package var files: [BackupFile]

  package init(
    backup: String, node: Principal, epoch: UInt64, digest: String, cluster: String,
    version: String, files: [BackupFile]
  ) {
    self.backup = backup
    self.node = node
    self.epoch = epoch
    self.digest = digest
    self.cluster = cluster
    self.version = version
    self.files = files
  }

  package static let candidFields = CandidFields(
    BackupContents.init(backup:node:epoch:digest:cluster:version:files:),
    CandidMember("backup", \.backup), CandidMember("node", \.node),
    CandidMember("epoch", \.epoch), CandidMember("digest", \.digest),
    CandidMember("cluster", \.cluster), CandidMember("version", \.version),
    CandidMember("files", \.files))
}

/// A file of what a node has set aside.
package struct BackupFile: Hashable, CandidRecord {
  package var name: String
  /// Bytes.
  package var size: UInt64
  /// SHA-256 of the last bytes, ``tailByteCount`` at most. A table file ends with its properties,
  /// the random id of the session that wrote it and its number among them: with the size, this
  /// tells whether a file is one that was fetched before.
  package var tail: [UInt8]

  package static let tailByteCount = 16 << 10
  /// No file is greater.
  package static let mostBytes: UInt64 = 1 << 48

  package init(name: String, size: UInt64, tail: [UInt8]) {
    self.name = name
    self.size = size
    self.tail = tail
  }

  package static let candidFields = CandidFields(
    BackupFile.init(name:size:tail:), CandidMember("name", \.name), CandidMember("size", \.size),
    CandidMember("tail", \.tail))
}

/// `backup_read`: a part of a file.
package struct BackupRead: CandidRecord {
  package var backup: String
  package var file: String
  package var offset: UInt64
  /// Bytes, 1 to ``mostBytes``; all of them must be there.
  package var count: UInt32

  package static let mostBytes: UInt32 = 1 << 20

  package init(backup: String, file: String, offset: UInt64, count: UInt32) {
    self.backup = backup
    self.file = file
    self.offset = offset
    self.count = count
  }

  package static let candidFields = CandidFields(
    BackupRead.init(backup:file:offset:count:), CandidMember("backup", \.backup),
    CandidMember("file", \.file), CandidMember("offset", \.offset),
    CandidMember("count", \.count))
}

/// The part, and its SHA-256.
package struct BackupPart: CandidRecord {
  package var data: [UInt8]
  package var sha256: [UInt8]

  package init(data: [UInt8], sha256: [UInt8]) {
    self.data = data
    self.sha256 = sha256
  }

  package static let candidFields = CandidFields(
    BackupPart.init(data:sha256:), CandidMember("data", \.data),
    CandidMember("sha256", \.sha256))
}

/// `backup_end`: what was set aside is not needed any more.
package struct BackupEnd: CandidRecord {
  package var backup: String
  /// Whether the backup is complete and safe with whoever made it. Nil is no: it was given up.
  package var isComplete: Bool?

  package init(backup: String, isComplete: Bool? = nil) {
    self.backup = backup
    self.isComplete = isComplete
  }

  package static let candidFields = CandidFields(
    BackupEnd.init(backup:isComplete:), CandidMember("backup", \.backup),
    CandidMember("is_complete", \.isComplete))
}

/// `backup_sum`: the checksum of some of a node's records.
package struct SumRequest: CandidRecord {
  /// The epoch that has to be in force, without a handover under way.
  package var epoch: UInt64
  /// Where to begin: nothing, or what the page before told.
  package var from: [UInt8]
  /// Leaves out what expires at this time or before: milliseconds since 1970.
  package var horizon: UInt64

  package init(epoch: UInt64, from: [UInt8], horizon: UInt64) {
    self.epoch = epoch
    self.from = from
    self.horizon = horizon
  }

  package static let candidFields = CandidFields(
    SumRequest.init(epoch:from:horizon:), CandidMember("epoch", \.epoch),
    CandidMember("from", \.from), CandidMember("horizon", \.horizon))
}

/// The checksum of one page of records.
package struct SumPage: CandidRecord {
  package var sum: [UInt8]
  package var keys: UInt64
  /// Of keys and values.
  package var bytes: UInt64
  /// Where the next page begins; nil after the last.
  package var next: [UInt8]?

  package init(sum: [UInt8], keys: UInt64, bytes: UInt64, next: [UInt8]?) {
    self.sum = sum
    self.keys = keys
    self.bytes = bytes
    self.next = next
  }

  package static let candidFields = CandidFields(
    SumPage.init(sum:keys:bytes:next:), CandidMember("sum", \.sum), CandidMember("keys", \.keys),
    CandidMember("bytes", \.bytes), CandidMember("next", \.next))
}

/// `restore_records`: records of a backup, for the owner of their keys.
package struct RestoreRecords: CandidRecord {
  /// A `TransferChunk`.
  package var data: [UInt8]
  /// Whether the backup is of this cluster, so that versions tell which of two values is newer.
  /// Otherwise what is there stays.
  package var isOwn: Bool

  package init(data: [UInt8], isOwn: Bool) {
    self.data = data
    self.isOwn = isOwn
  }

  package static let candidFields = CandidFields(
    RestoreRecords.init(data:isOwn:), CandidMember("data", \.data), CandidMember("own", \.isOwn))
}

/// What became of records of a backup.
package struct RestoreCounts: Hashable, CandidRecord {
  package var stored: UInt64
  /// Keys that have a value already.
  package var kept: UInt64
  package var expired: UInt64

  package init(stored: UInt64 = 0, kept: UInt64 = 0, expired: UInt64 = 0) {
    self.stored = stored
    self.kept = kept
    self.expired = expired
  }

  package static let candidFields = CandidFields(
    RestoreCounts.init(stored:kept:expired:), CandidMember("stored", \.stored),
    CandidMember("kept", \.kept), CandidMember("expired", \.expired))
}
