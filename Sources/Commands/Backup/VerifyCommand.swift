import ArgumentParser
import HTTPTransport
import ScaledStorage

/// `scaled-storage verify`.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read backups and tell whether a restore would find all.",
    discussion: """
      Reads every file of the backups and compares its SHA-256, opens the data of every node, \
      counts its keys and computes the checksum of all records, which depends neither on their \
      order nor on the nodes. With --url, the last backup is compared with a running cluster, in \
      which nobody should write meanwhile.

        scaled-storage verify /srv/backups
        scaled-storage verify /srv/backups --backup 2026-11-22T08-15-30Z
        scaled-storage verify /srv/backups --url http://127.0.0.1:8080
      """)

  @Argument(help: "The folder of backups.")
  var folder: String

  @Option(
    help: ArgumentHelp("Only this one. (default: all, the last with --url)", valueName: "name"))
  var backup: String?

  @Option(
    help: ArgumentHelp("How long to wait for a ring that is settled.", valueName: "seconds"))
  var wait: Double = 600

  @Flag(help: "Print JSON, a line for each backup.")
  var json = false

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  func validate() throws { try BackupCommand.check(wait: wait) }

  func run() throws {
    let folder = try BackupFolder(folder, for: .read)
    let comparesCluster = cluster.url != nil
    var names = try folder.names
    if comparesCluster || backup != nil { names = [try folder.manifest(named: backup).name] }
    guard !names.isEmpty else { throw CommandFailure("\(folder.path) has no complete backup") }
    var verifier = BackupVerifier(folder)
    var isSound = true
    for name in names {
      var outcome = VerifyOutcome(verifier.verify(name))
      if comparesCluster, outcome.problems.isEmpty {
        outcome.isEqual = try isEqual(folder.manifest(name), folder)
      }
      if !outcome.isSound { isSound = false }
      if json { try JSONOutput.print(outcome) } else { try StandardStreams.write(outcome.text) }
    }
    if !isSound { throw ExitCode.failure }
  }

  private func isEqual(_ manifest: BackupManifest, _ folder: BackupFolder) throws -> Bool {
    let connection = try cluster.connect(credential: BackupCommand.credential(secret))
    let there = try ClusterSum(
      caller: NodeCaller(connection: connection), patience: .seconds(wait)
    ).compute()
    return try manifest.sum(in: folder, horizon: there.horizon) == there.sum
  }
}

extension BackupManifest {
  /// The checksum of what expires after `horizon` (milliseconds since 1970), if ever.
  func sum(in folder: BackupFolder, horizon: UInt64) throws(CommandFailure) -> RecordSum {
    var sum = RecordSum()
    for node in nodes {
      try BackupVerifier.count(try BackupArchive(node, in: folder), horizon: horizon, &sum)
    }
    return sum
  }
}

extension VerifyOutcome {
  init(_ verdict: BackupVerifier.Verdict) {
    let isSound = verdict.problems.isEmpty
    self.init(
      backup: verdict.name, nodes: verdict.manifest?.nodes.count, epoch: verdict.manifest?.epoch,
      keys: isSound ? verdict.sum.keys : nil, checksum: isSound ? verdict.sum.text : nil,
      problems: verdict.problems)
  }
}
