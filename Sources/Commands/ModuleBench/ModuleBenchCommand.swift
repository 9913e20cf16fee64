import ArgumentParser
import WasmRuntime

/// `scaled-storage bench module`.
struct ModuleBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "module",
    abstract: "Measure what it costs to call a module's methods, without a cluster.",
    discussion: """
      Calls three methods that do little: one that only replies, one that replies with its value \
      of 100 bytes, and one that reads its value, changes a byte and stores it again. What they \
      cost is the runtime's own. Figures are medians, of one thread.

        scaled-storage bench module
        scaled-storage bench module --rounds 501 --json
      """)

  @Option(help: "How many times each method takes its turn, for some thousand calls each.")
  var rounds = 101

  @Option(help: "Wasmtime's library. (default: where deploy/wasmtime puts it)")
  var wasmtime: String?

  @Flag(help: "Print the figures as JSON.")
  var json = false

  func validate() throws {
    guard (1...100_000).contains(rounds) else {
      throw ValidationError("--rounds is 1 to 100000")
    }
  }

  func run() throws {
    guard let path = wasmtime ?? LibraryPath.found else {
      throw CommandFailure("Wasmtime is not installed; run deploy/wasmtime, or use --wasmtime")
    }
    let figures: [ModuleBenchmark.Figure]
    do throws(WasmError) {
      figures = try ModuleBenchmark(rounds: rounds, libraryPath: path).run()
    } catch {
      throw CommandFailure("the methods cannot be called: \(error.message)")
    }
    if json { return try JSONOutput.print(figures) }
    var table = TextTable("METHOD", "#NS", "#FUEL")
    for figure in figures {
      table.add(
        figure.method, Figures.fixed(figure.nanoseconds, places: 0), Figures.grouped(figure.fuel))
    }
    try StandardStreams.write(table.text)
  }
}
