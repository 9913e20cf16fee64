import ArgumentParser
import HTTPTransport
import ScaledStorageService
import WireProtocol

/// `scaled-storage backup`.
struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Copy all that a running cluster holds to a folder.",
    discussion: """
      Every node sets its data aside at one epoch of the ring, while it goes on serving; then the \
      files are fetched from the nodes, which must be reachable from here. Every write that was \
      acknowledged before the command began is in the backup. Files that an earlier backup in the \
      same folder has are not fetched again; neither are those of one that was interrupted.

        scaled-storage backup /srv/backups
        scaled-storage backup /srv/backups --keep 7 --rate 64M
        scaled-storage backup /srv/backups --list
      """)

  @Argument(help: "The folder, of one cluster's backups; made when missing.")
  var folder: String

  @Option(
    help: ArgumentHelp(
      "Bytes a second to fetch, of all nodes together; 0 is without bound.", valueName: "bytes"))
  var rate = ByteCount(count: 32 << 20)

  @Option(help: ArgumentHelp("Keep the last so many backups, and remove others.", valueName: "n"))
  var keep: Int?

  @Option(
    help: ArgumentHelp("How long to wait for a ring that is settled.", valueName: "seconds"))
  var wait: Double = 600

  @Flag(help: "Read all records, and note their number and checksum.")
  var checksum = false

  @Flag(help: "List the backups of the folder.")
  var list = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  func validate() throws {
    if let keep, keep < 1 { throw ValidationError("--keep is 1 or more") }
    try BackupCommand.check(wait: wait)
  }

  static func check(wait: Double) throws {
    guard wait >= 0, wait <= 86_400 else {
      throw ValidationError("--wait is a number of seconds from 0 to 86400")
    }
  }

  func run() throws {
    if list { return try listBackups() }
    let connection = try cluster.connect(credential: BackupCommand.credential(secret))
    let folder = try BackupFolder(folder, for: .write)
    let run = try BackupRun(
      folder, connection,
      BackupRun.Settings(
        bytesPerSecond: rate.count, patience: .seconds(wait), wantsSum: checksum))
    let outcome = try run.run()
    if json { try JSONOutput.print(outcome) } else { try StandardStreams.write(outcome.text) }
    do throws(CommandFailure) {
      let removed = try folder.prune(keeping: keep, added: outcome.backup)
      if removed > 0 {
        StandardStreams.note("\(Figures.bytes(removed)) removed that no backup needs any more")
      }
    } catch {
      throw CommandFailure(
        "the backup is complete, but what others do not need any more stays: \(error.message)")
    }
  }

  /// The cluster's credential, which no token stands for here.
  static func credential(_ secret: CredentialOptions) throws -> Credential {
    guard let credential = try secret.credential() else {
      throw CommandFailure(
        "this needs the cluster's credential: name its file with --credential-file (there is no "
          + "\(CredentialOptions.defaultFile))")
    }
    return credential
  }

  private func listBackups() throws {
    let folder = try BackupFolder(folder, for: .read)
    var isSound = true
    var table = TextTable("BACKUP", "#KEYS", "#BYTES", "#NODES", "#EPOCH", "CLUSTER")
    for name in try folder.names {
      do throws(CommandFailure) {
        let manifest = try folder.manifest(name)
        if json { try? JSONOutput.print(manifest) }
        table.add(
          name, Figures.grouped(manifest.keys), Figures.bytes(manifest.bytes),
          String(manifest.nodes.count), String(manifest.epoch), manifest.cluster)
      } catch {
        StandardStreams.note(error.message)
        isSound = false
      }
    }
    if !json { try StandardStreams.write(table.text) }
    if !isSound { throw ExitCode.failure }
  }
}
