import Candid
import Cluster
import Storage

/// A wrong version of the protocol, to show that the simulation would find it. The machines are as
/// they are: what is changed is what drivers tell them, and what they make of what machines say.
package enum Mutation: String, CaseIterable, Hashable, Sendable {
  /// A source goes on serving keys that are fenced.
  case skipFence = "skip-fence"
  /// A source calls itself fenced before its targets have everything.
  case fenceEarly = "fence-early"
  /// The coordinator tells nodes of a decision that is not durable.
  case flipBeforeDurable = "flip-before-durable"
  /// A source deletes what moves once it is fenced, before the decision.
  case deleteBeforeDecision = "delete-before-decision"
  /// An abort of any change ends the handover under way.
  case abortAnyEpoch = "abort-any-epoch"
  /// A chunk of any change is taken for one of the handover under way.
  case migrateAnyEpoch = "migrate-any-epoch"
  /// A chunk overwrites what is there, whatever its version.
  case overwriteAnyVersion = "overwrite-any-version"
  /// Deletions are not sent to the new owner.
  case forgetTombstones = "forget-tombstones"
  /// A node's writes are acknowledged before the disk has them.
  case acknowledgeEarly = "acknowledge-early"
  /// A target acknowledges chunks before the disk has them.
  case acknowledgeChunkEarly = "acknowledge-chunk-early"
  /// Sources learn of the new ring before the targets.
  case flipSourcesFirst = "flip-sources-first"
  /// What changes during a copy is not sent again.
  case loseChanges = "lose-changes"
  /// A restarted node knows of no handover.
  case restartForgetsHandover = "restart-forgets-handover"
  /// A restarted node begins with versions that were given before.
  case reuseVersions = "reuse-versions"
  /// Requests wait for a fence without end.
  case holdForever = "hold-forever"
  /// Times to live do not travel.
  case forgetExpiry = "forget-expiry"
  /// A node takes a module that an earlier attempt has sent, whatever it has by now.
  case takeLateModules = "take-late-modules"
}

extension Mutation {
  /// Whether drivers write past the machine, which then counts wrongly and has another view of its
  /// store in its cache: that is not what is to be found.
  var spoilsStatistics: Bool {
    switch self {
    case .skipFence, .deleteBeforeDecision, .overwriteAnyVersion: true
    default: false
    }
  }

  /// After how many microseconds a message is sent once more: what ignores epochs is seen only when
  /// a message of one change arrives during another.
  func repeats(_ event: CanisterManagerEvent) -> [UInt64] {
    switch (self, event) {
    case (.abortAnyEpoch, .abort): (2...8).map { $0 * 150_000 }
    case (.migrateAnyEpoch, .migrate): [700_000]
    default: []
    }
  }

  /// After how many microseconds a module is sent once more.
  var moduleRepeats: [UInt64] {
    self == .takeLateModules ? (1...6).map { $0 * 150_000 } : []
  }

  /// What a source's chunk looks like on the wire; nil when it is not sent at all, but taken for
  /// acknowledged.
  func outgoing(_ migration: Migration, from machine: NodeMachine) -> Migration? {
    switch self {
    case .loseChanges:
      return machine.handoverStatus?.phase == "copying" ? migration : nil
    case .forgetTombstones:
      return rewritten(migration) { $0.value == nil ? nil : $0 }
    case .forgetExpiry:
      return rewritten(migration) { Record(version: $0.version, value: $0.value) }
    default:
      return migration
    }
  }

  private func rewritten(_ migration: Migration, _ change: (Record) -> Record?) -> Migration {
    guard let entries = try? TransferChunk.records(in: migration.data) else { return migration }
    var changed = migration
    changed.data = TransferChunk.start()
    for entry in entries {
      guard let record = change(entry.record) else { continue }
      TransferChunk.append(key: entry.key, record: record, to: &changed.data)
    }
    return changed
  }

  /// What a node's machine is told instead of an event; nil: nothing, and the sender hears success.
  func incoming(
    _ event: CanisterManagerEvent, at machine: NodeMachine, disk: SimulatedDisk
  ) -> CanisterManagerEvent? {
    switch (self, event) {
    case (.abortAnyEpoch, .abort):
      return machine.handoverStatus.map { .abort(epoch: $0.epoch) } ?? event
    case (.migrateAnyEpoch, .migrate(var migration)):
      migration.epoch = machine.handoverStatus?.epoch ?? migration.epoch
      return .migrate(migration)
    case (.overwriteAnyVersion, .migrate(let migration)):
      guard migration.epoch == machine.handoverStatus?.epoch,
        let entries = try? TransferChunk.records(in: migration.data)
      else { return event }
      var batch = WriteBatch()
      for entry in entries { batch.put(StoreLayout.dataKey(entry.key), entry.record.encoded) }
      try? disk.commit(batch)
      return nil
    default:
      return event
    }
  }

  /// Whether the sender of an event hears success at once, whatever the machine makes of it.
  func answersEarly(_ event: CanisterManagerEvent) -> Bool {
    switch (self, event) {
    case (.fenceEarly, .fence), (.acknowledgeChunkEarly, .migrate): true
    default: false
    }
  }

  /// Changes what a node finds on its disk when it starts.
  func restart(on disk: SimulatedDisk) {
    var batch = WriteBatch()
    switch self {
    case .restartForgetsHandover:
      batch.delete(StoreLayout.handover)
      batch.delete(StoreLayout.checkpoint)
    case .reuseVersions: batch.delete(StoreLayout.versionReserve)
    default: return
    }
    try? disk.commit(batch)
  }

  /// Deletes what moves from a node that has just been fenced.
  func fenced(_ machine: NodeMachine, next: ClusterMap?, disk: SimulatedDisk) {
    guard self == .deleteBeforeDecision, let next, let identity = machine.identity else { return }
    let range = StoreLayout.dataRange
    var batch = WriteBatch()
    for entry in (try? disk.everything(from: range.from, upTo: range.upTo)) ?? []
    where next.owner(of: StoreLayout.userKey(entry.key)) != identity {
      batch.delete(entry.key)
    }
    try? disk.commit(batch)
  }

  /// What a node that ignores its fence answers.
  func serveFenced(
    _ command: KeyCommand, key: [UInt8], disk: SimulatedDisk, now: Moment
  ) -> KeyReply? {
    guard self == .skipFence else { return nil }
    let stored = StoreLayout.dataKey(key)
    let record = (try? disk.get(stored)).flatMap { $0 }.flatMap { try? Record(encoded: $0) }
    let live = record.flatMap { $0.isLive(at: now.wall) ? $0 : nil }
    switch command {
    case .get:
      return live.map { .value($0) } ?? .missing
    case .put(let value, nil, .none):
      let version = Version((record?.version.rawValue ?? 1 << 40) + 1)
      var batch = WriteBatch()
      batch.put(stored, Record(version: version, value: value).encoded)
      try? disk.commit(batch)
      return .stored(version, created: live == nil)
    default:
      return nil
    }
  }
}
