import ArgumentParser
import Candid

/// `scaled-storage bench candid`.
struct CandidBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "candid", abstract: "Measure the Candid codecs, without a cluster.",
    discussion: """
      Encodes and decodes five messages: two texts, a node_info, 100 keys with their values, a \
      blob of 1 MiB, and 10,000 numbers. In turns with each of them as many bytes are copied from \
      one place in memory to another, which is the least that any codec must do. Figures are \
      medians, of one thread.

        scaled-storage bench candid
        scaled-storage bench candid --rounds 501 --json
      """)

  @Option(help: "How many times each workload takes its turn, for half a millisecond each.")
  var rounds = 101

  @Flag(help: "Print the figures as JSON.")
  var json = false

  func validate() throws {
    guard (1...100_000).contains(rounds) else {
      throw ValidationError("--rounds is 1 to 100000")
    }
  }

  func run() throws {
    let figures: [CandidBenchmark.Figure]
    do throws(CandidError) {
      figures = try CandidBenchmark(rounds: rounds).run()
    } catch {
      throw CommandFailure("the workloads cannot be made: \(error.description)")
    }
    if json { return try JSONOutput.print(figures) }
    var table = TextTable("MESSAGE", "WORK", "#BYTES", "#NS", "#COPY NS", "#RATIO")
    for figure in figures {
      table.add(
        figure.message, figure.work, Figures.grouped(figure.bytes),
        Figures.fixed(figure.nanoseconds, places: figure.nanoseconds < 100 ? 1 : 0),
        Figures.fixed(figure.copyNanoseconds, places: figure.copyNanoseconds < 100 ? 1 : 0),
        Figures.fixed(figure.ratio, places: figure.ratio < 10 ? 2 : 0))
    }
    try StandardStreams.write(table.text)
  }
}
