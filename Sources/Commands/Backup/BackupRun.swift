import Candid
import Cluster
import Gateway
import HTTPTransport
import Placement
import ScaledStorage
import ScaledStorageClient

/// Makes one backup: has every node set its data aside at one epoch of a settled ring, fetches it,
/// looks whether it is what it should be, and only then writes the manifest.
final class BackupRun {
  struct Settings {
    var bytesPerSecond: UInt64
    /// How long to wait for a ring that is settled.
    var patience: Duration
    var wantsSum: Bool
  }

  private let folder: BackupFolder
  private let settings: Settings
  private let caller: NodeCaller
  private let owner: String
  private var attempt = 0
  private var waiting = ProgressDisplay("backup", unit: "nodes")
  private var fetchedBytes: UInt64 = 0

  /// What nodes lost or removed while it was fetched is not asked for for ever.
  private static let mostAttempts = 5
  private static let pause = Duration.milliseconds(500)

  private typealias SetAside = (
    map: ClusterMap, module: String?, takenAt: UInt64, parts: [Part]
  )
  private typealias Part = (node: NodePlace, contents: BackupContents)

  init(
    _ folder: BackupFolder, _ connection: ClusterEngine, _ settings: Settings
  ) throws(CommandFailure) {
    self.folder = folder
    self.settings = settings
    caller = NodeCaller(connection: connection)
    owner = try folder.owner()
  }

  func run() throws -> BackupOutcome {
    let begin = MonotonicTime.current()
    while true {
      attempt += 1
      let aside = try setAside()
      let asideTime = MonotonicTime.current()
      let fetch = try BackupFetch(
        aside.parts, caller, to: folder,
        pace: TransferPace(caller.connection.loop, bytesPerSecond: settings.bytesPerSecond))
      fetch.run()
      fetchedBytes += fetch.fetchedBytes
      if let refusal = fetch.refusal {
        release(aside.parts)
        guard refusal.isPassing, attempt < BackupRun.mostAttempts else { throw refusal.failure }
        StandardStreams.note("backup: \(refusal.message); it begins anew with what is fetched")
        continue
      }
      let manifest: BackupManifest
      do {
        manifest = try checked(aside, fetch)
      } catch {
        release(aside.parts)
        throw error
      }
      try folder.add(manifest)
      release(aside.parts, isComplete: true)
      return BackupOutcome(
        manifest, fetchedBytes: fetchedBytes, reusedBytes: fetch.reusedBytes,
        seconds: (MonotonicTime.current() - begin).seconds,
        asideSeconds: (asideTime - begin).seconds)
    }
  }

  // MARK: - Setting aside

  /// Tries until every member has set its data aside at the same epoch.
  private func setAside() throws -> SetAside {
    let end = MonotonicTime.current() + settings.patience
    defer { waiting.end() }
    while true {
      let reason: String
      do throws(NodeRefusal) {
        return try setAsideOnce()
      } catch {
        guard error.isPassing else { throw error.failure }
        reason = error.message
      }
      guard MonotonicTime.current() < end else {
        throw CommandFailure(
          "the cluster did not come to rest within --wait: \(reason); see \"scaled-storage ring\"")
      }
      waiting.show("backup: waits for the ring to settle: \(reason)")
      caller.connection.pause(BackupRun.pause)
    }
  }

  private func setAsideOnce() throws(NodeRefusal) -> SetAside {
    let ring: (map: ClusterMap, isSettled: Bool)
    let places: [NodePlace]
    let module: String?
    do throws(CommandFailure) {
      ring = try caller.ring()
      try checkCluster(ring.map)
      places = try caller.places(of: ring.map)
      module = try ModuleRoll.gatewayInfo(caller.connection).wanted?.sha256
    } catch {
      throw NodeRefusal(message: error.message, isPassing: false)
    }
    guard ring.isSettled else {
      throw NodeRefusal(message: "the ring is changing", isPassing: true)
    }
    let map = ring.map
    let takenAt = WallClock.milliseconds
    let parts = try begin(places, at: map.ring.epoch)
    for part in parts {
      if let file = part.contents.files.first(where: { $0.size > BackupFile.mostBytes }) {
        release(parts)
        throw NodeRefusal(
          message: "\(part.node.id.text) tells of a file of \(file.size) bytes, which cannot be",
          isPassing: false)
      }
      guard part.contents.node == part.node.id, part.contents.epoch == map.ring.epoch,
        part.contents.digest == map.digestText, part.contents.cluster == map.clusterID,
        part.contents.files.allSatisfy({ FileName.isPlain($0.name) })
      else {
        release(parts)
        throw NodeRefusal(
          message: "\(part.node.id.text) has another ring than the gateway", isPassing: true)
      }
    }
    return (map, module, takenAt, parts)
  }

  /// Backups of another cluster here would be pruned with this one's.
  private func checkCluster(_ map: ClusterMap) throws(CommandFailure) {
    let manifests = try folder.names.reversed().lazy.compactMap { [folder] in
      try? folder.manifest($0)
    }
    guard let cluster = manifests.first?.cluster else { return }
    guard cluster == map.clusterID else {
      throw CommandFailure(
        "\(folder.path) has backups of the cluster \(cluster), and this is \(map.clusterID); name "
          + "another folder")
    }
  }

  private func begin(_ places: [NodePlace], at epoch: UInt64) throws(NodeRefusal) -> [Part] {
    let name = String(UInt64.random(in: .min ... .max), radix: 36)
    let args = BackupBegin(backup: name, owner: owner, epoch: epoch)
    var parts: [Part] = []
    var refusal: NodeRefusal?
    var next = 0
    let pump = Pump(limit: places.count) { [caller] done in
      guard next < places.count else { return .exhausted }
      let place = places[next]
      next += 1
      caller.call(.backupBegin, args, at: place, as: BackupContents.self) { result in
        switch result {
        case .success(let contents): parts.append((place, contents))
        case .failure(let error):
          if refusal.map({ $0.isPassing && !error.isPassing }) ?? true { refusal = error }
        }
        done()
      }
      return .started
    }
    caller.connection.run(pump)
    if let refusal {
      release(parts)
      throw refusal
    }
    return parts.sorted { $0.node.id < $1.node.id }
  }

  /// Lets nodes remove what they have set aside. Who does not hear it does so later by itself.
  private func release(_ parts: [Part], isComplete: Bool = false) {
    var next = 0
    let pump = Pump(limit: max(1, parts.count)) { [caller] done in
      guard next < parts.count else { return .exhausted }
      let part = parts[next]
      next += 1
      let end = BackupEnd(backup: part.contents.backup, isComplete: isComplete)
      caller.call(.backupEnd, end, at: part.node) { _ in done() }
      return .started
    }
    caller.connection.run(pump)
  }

  // MARK: - Checking

  /// Opens what was fetched and makes sure that it is the whole cluster at one epoch.
  private func checked(_ aside: SetAside, _ fetch: BackupFetch) throws -> BackupManifest {
    var manifest = BackupManifest(
      name: try folder.newName(at: aside.takenAt), cluster: aside.map.clusterID,
      epoch: aside.map.ring.epoch, ringDigest: aside.map.digestText, takenAt: aside.takenAt,
      version: aside.parts.first?.contents.version ?? "", module: nil, nodes: [], sum: nil)
    for part in aside.parts {
      let files = (fetch.objects[part.node] ?? []).sorted { $0.name < $1.name }
      guard files.count == part.contents.files.count else {
        throw CommandFailure("some files of \(part.node.id.text) were not fetched; try again")
      }
      manifest.nodes.append(
        BackupManifest.Node(id: part.node.id.text, keys: 0, bytes: 0, files: files))
    }
    var digests: Set<String> = []
    var sum = RecordSum()
    for index in manifest.nodes.indices {
      let archive = try BackupArchive(manifest.nodes[index], in: folder)
      try archive.check(manifest)
      manifest.nodes[index].keys = archive.identity.statistics.keys
      manifest.nodes[index].bytes = archive.identity.statistics.bytes
      if let digest = try archive.moduleDigest() { digests.insert(digest) }
      guard settings.wantsSum else { continue }
      try BackupVerifier.count(archive, horizon: manifest.takenAt, &sum)
    }
    if let module = aside.module, !digests.contains(module) {
      throw CommandFailure(
        "no node had the cluster's module yet when its data was set aside; see \"scaled-storage "
          + "module list\", and try again when all nodes have it")
    }
    manifest.module = aside.module
    if settings.wantsSum {
      manifest.sum = BackupManifest.Sum(keys: sum.keys, bytes: sum.bytes, checksum: sum.text)
    }
    return manifest
  }
}
