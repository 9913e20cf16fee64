import ArgumentParser
import Foundation
import Glibc
import HTTPTransport
import ScaledStorageClient

/// `scaled-storage load`.
struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load", abstract: "Store the lines of a file.",
    discussion: """
      A line is KEY<TAB>VALUE; a line without a tab is a key whose value is the line's number. \
      Empty lines are skipped and counted. Keys that cannot be stored (longer than 1,024 bytes, \
      not UTF-8) are reported with the line's number, skipped, and make the exit status 1.

      An interrupted load goes on where it was when the same command is given again.

        scaled-storage load words.txt
        scaled-storage load pairs.tsv --concurrency 256 --verify
      """)

  @Argument(help: "The file.")
  var file: String

  @Option(help: "Lines under way at a time.")
  var concurrency = 128

  @Flag(help: "Read every key back through random nodes, and compare.")
  var verify = false

  @Option(help: "Where the progress is kept. (default: the name of FILE with .loaded, here)")
  var resumeFile: String?

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions

  /// Lines that are reported one by one, of a file with many that cannot be stored.
  private static let mostReports = 100

  func validate() throws {
    guard (1...4_096).contains(concurrency) else {
      throw ValidationError("--concurrency is 1 to 4096")
    }
  }

  func run() throws {
    let name = URL(fileURLWithPath: file).lastPathComponent
    let resume = ResumeFile(path: resumeFile ?? name + ".loaded", of: file)
    var reader = try LineReader(path: file)
    let begun = try resume.read()
    if let begun {
      try reader.seek(line: begun.lines, offset: begun.offset)
      StandardStreams.note("load: goes on behind line \(begun.lines)")
    }
    let connection = try cluster.connect(connectPatience: .seconds(cluster.timeout))
    var reports = 0
    let loader = Loader(
      reader, connection: connection, resume: resume, from: begun ?? LoadProgress()
    ) { text in
      reports += 1
      if reports <= LoadCommand.mostReports { StandardStreams.note("\(file), \(text)") }
      if reports == LoadCommand.mostReports {
        StandardStreams.note("further lines that cannot be stored are counted only")
      }
    }
    do throws(TransportError) {
      try connection.loop.onSignals([SIGINT, SIGTERM]) { _ in
        // A second signal does not wait for what is under way.
        if loader.isInterrupted || loader.isFinished { Glibc.exit(1) }
        loader.interrupt()
      }
    } catch {
      throw CommandFailure(error.message)
    }
    let begin = MonotonicTime.current()
    try loader.run(concurrency: concurrency)
    try conclude(loader, from: begun, begin, connection)
  }

  private func conclude(
    _ loader: Loader, from begun: LoadProgress?, _ begin: MonotonicTime,
    _ connection: ClusterEngine
  ) throws {
    let progress = loader.progress
    if loader.failure != nil || loader.isInterrupted {
      throw CommandFailure(
        "\(loader.failure?.message ?? "interrupted"); the lines up to \(progress.lines) are "
          + "stored, give the command again to go on")
    }
    var outcome = LoadOutcome(
      progress, seconds: (MonotonicTime.current() - begin).seconds,
      storedNow: progress.stored - (begun?.stored ?? 0), latencies: loader.latencies)
    if verify { outcome.verified = try verify(connection) }
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(outcome.text)
    }
    let isSound = outcome.verified.map { $0.differing == 0 } ?? true
    if outcome.refused > 0 || !isSound { throw ExitCode.failure }
  }

  private func verify(_ connection: ClusterEngine) throws -> LoadOutcome.Verification {
    let begin = MonotonicTime.current()
    let verifier = LoadVerifier(
      try LineReader(path: file), connection: connection, nodes: try connection.memberAddresses(),
      seed: .random(in: 0 ... .max))
    verifier.run(concurrency: concurrency)
    if let failure = verifier.failure { throw failure }
    let lines = verifier.differingLines
    for line in lines.prefix(LoadCommand.mostReports) {
      StandardStreams.note("\(file), line \(line): another value, or none, is stored")
    }
    return LoadOutcome.Verification(
      checked: verifier.checked, differing: lines.count,
      seconds: (MonotonicTime.current() - begin).seconds, latency: verifier.latencies.summary)
  }
}
