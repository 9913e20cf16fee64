import ArgumentParser
import Cluster
import Gateway
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import ScaledStorageService

/// `scaled-storage restore`.
struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Bring a backup's keys and module to a running cluster.",
    discussion: """
      The cluster may have any number of nodes, and may scale meanwhile. It must have no keys; \
      with --merge it may, and those that it has stay, unless the backup is of the same cluster \
      and its value is the newer one. Values get new versions, so entity tags of before mean \
      nothing; expiry times stay. Let clients wait until it is done: a key that they delete \
      meanwhile may come back. At the end the checksums of backup and cluster are compared.

      An interrupted restore goes on when it is given again with --merge.

        scaled-storage restore /srv/backups
        scaled-storage restore /srv/backups --backup 2026-11-22T08-15-30Z --rate 16M
      """)

  @Argument(help: "The folder of backups.")
  var folder: String

  @Option(help: ArgumentHelp("The backup. (default: the last)", valueName: "name"))
  var backup: String?

  @Flag(help: "Restore also into a cluster that has keys.")
  var merge = false

  @Flag(help: "Leave the module out.")
  var noModule = false

  @Flag(help: "Do not read all of the backup before, to see that it is sound.")
  var noVerify = false

  @Option(
    help: ArgumentHelp("Bytes a second to send; 0 is without bound.", valueName: "bytes"))
  var rate = ByteCount(count: 0)

  @Option(
    help: ArgumentHelp(
      "How long to try while the cluster takes nothing.", valueName: "seconds"))
  var wait: Double = 600

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  func validate() throws { try BackupCommand.check(wait: wait) }

  func run() throws {
    let begin = MonotonicTime.current()
    let folder = try BackupFolder(folder, for: .read)
    let manifest = try folder.manifest(named: backup)
    let connection = try cluster.connect(credential: BackupCommand.credential(secret))
    let caller = NodeCaller(connection: connection)
    let map = try caller.ring().map
    let hadKeys = try connection.memberInfos().contains { $0.size > 0 }
    guard !hadKeys || merge else {
      throw CommandFailure(
        "the cluster has keys already; restore into a new one, or keep what it has with --merge, "
          + "which also continues a restore that was interrupted")
    }
    if !noVerify { try verify(manifest, folder) }
    if !noModule { try restoreModule(manifest, folder, connection) }
    let run = try RestoreRun(
      manifest, in: folder, caller, map: map, isOwn: manifest.cluster == map.clusterID,
      patience: .seconds(wait), bytesPerSecond: rate.count)
    run.run()
    if let failure = run.failure {
      throw CommandFailure(
        "\(failure.message); \(Figures.grouped(run.counts.stored)) keys are stored: give the "
          + "command again with --merge to go on")
    }
    var outcome = RestoreOutcome(
      backup: manifest.name, stored: run.counts.stored, kept: run.counts.kept,
      expired: run.counts.expired, seconds: (MonotonicTime.current() - begin).seconds)
    if !hadKeys { try compare(manifest, folder, caller, &outcome) }
    if json { try JSONOutput.print(outcome) } else { try StandardStreams.write(outcome.text) }
    if outcome.isEqual == false { throw ExitCode.failure }
  }

  private func verify(_ manifest: BackupManifest, _ folder: BackupFolder) throws {
    var verifier = BackupVerifier(folder)
    let problems = verifier.verify(manifest.name).problems
    guard problems.isEmpty else {
      for problem in problems { StandardStreams.note("\(manifest.name): \(problem)") }
      throw CommandFailure(
        "the backup \(manifest.name) is damaged, so nothing was restored; choose another one by "
          + "--backup, or take what there is with --no-verify")
    }
  }

  private func compare(
    _ manifest: BackupManifest, _ folder: BackupFolder, _ caller: NodeCaller,
    _ outcome: inout RestoreOutcome
  ) throws {
    let there = try ClusterSum(caller: caller, patience: .seconds(wait)).compute()
    outcome.isEqual = try manifest.sum(in: folder, horizon: there.horizon) == there.sum
    outcome.checksum = there.sum.text
  }

  /// Gives the cluster the backup's module, unless it has one of its own.
  private func restoreModule(
    _ manifest: BackupManifest, _ folder: BackupFolder, _ connection: ClusterEngine
  ) throws {
    guard let digest = manifest.module else { return }
    let wanted = try ModuleRoll.gatewayInfo(connection).wanted?.sha256
    guard wanted != digest else { return }
    guard wanted == nil else {
      return StandardStreams.note(
        "restore: the cluster has another module, which stays; the backup's is "
          + "\(digest.prefix(12))")
    }
    for node in manifest.nodes {
      guard let module = try BackupArchive(node, in: folder).module(),
        SHA256.hexadecimal(module.digest) == digest
      else { continue }
      try RestoreCommand.upload(module, connection)
      _ = try ModuleRoll(connection: connection, patience: cluster.timeout).wait(for: digest)
      return
    }
    throw CommandFailure("the backup does not have its module; leave it out with --no-module")
  }

  /// As it was stored: what was embedded then is in it.
  private static func upload(_ module: Module, _ connection: ClusterEngine) throws {
    for chunk in UploadCommand.chunks(of: module.bytes) {
      _ = try connection.perform(try UploadCommand.request(chunk)).checked()
    }
  }
}
