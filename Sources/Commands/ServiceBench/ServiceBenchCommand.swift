import ArgumentParser

/// `scaled-storage bench service`.
struct ServiceBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "service",
    abstract: "Measure what it costs to change a value of a service's own type, without HTTP.",
    discussion: """
      Adds to one of 1,000 records of two numbers: in a plain Dictionary; in a record's stored \
      form, read and written again; as a method of a service at a node whose store is in memory, \
      64 calls a commit, from its arguments as a Candid message to its result as one; and the same \
      with a Codable record. Bytes that are put at such a node show what of it is the node's. \
      Figures are medians, of one thread.

        scaled-storage bench service
        scaled-storage bench service --rounds 501 --json
      """)

  @Option(help: "How many times each takes its turn, for some thousand changes each.")
  var rounds = 101

  @Flag(help: "Print the figures as JSON.")
  var json = false

  func validate() throws {
    guard (1...100_000).contains(rounds) else {
      throw ValidationError("--rounds is 1 to 100000")
    }
  }

  func run() throws {
    let figures: [ServiceBenchmark.Figure]
    do {
      figures = try ServiceBenchmark(rounds: rounds).run()
    } catch {
      throw CommandFailure("the service cannot be measured: \(error)")
    }
    if json { return try JSONOutput.print(figures) }
    var table = TextTable("CHANGE", "#NS")
    for figure in figures {
      table.add(figure.change, Figures.fixed(figure.nanoseconds, places: 0))
    }
    try StandardStreams.write(table.text)
  }
}
