import ArgumentParser
import Candid

/// `scaled-storage candid`.
struct CandidCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "candid", abstract: "Encode, decode and compare Candid, without a cluster.",
    discussion: """
      An error tells the line and the column, or the byte, and shows the place. The status is \
      0 for success, 1 for what cannot be done, 64 for wrong usage.
      """,
    subcommands: [
      Encode.self, Decode.self, Subtype.self, Check.self, Print.self, Hash.self, Batch.self,
    ])

  /// Without a subcommand.
  func run() throws {
    StandardStreams.note(RootCommand.helpMessage(for: CandidCommand.self))
    throw ExitCode.validationFailure
  }

  struct DefinitionOptions: ParsableArguments {
    @Option(
      name: .shortAndLong,
      help: ArgumentHelp("A .did file with the types' definitions.", valueName: "file"))
    var defs: String?

    func interface() throws(CandidFailure) -> CandidInterface {
      guard let defs else {
        return try CandidTool(definitions: "", types: nil).interface
      }
      return try CandidFiles.interface(defs)
    }
  }

  struct TypeOptions: ParsableArguments {
    @Option(
      name: .shortAndLong,
      help: ArgumentHelp(
        "The types, like '(text, opt nat)'. (default: as the values suggest)", valueName: "types"))
    var types: String?

    @Option(
      name: .shortAndLong,
      help: ArgumentHelp(
        "A method of the service in the .did file, whose types are taken.", valueName: "name"))
    var method: String?

    @OptionGroup var definitions: DefinitionOptions

    func validate() throws {
      guard let method else { return }
      guard types == nil else {
        throw ValidationError("give --types or --method, not both")
      }
      guard definitions.defs != nil else {
        throw ValidationError("--method \(method) needs --defs, a .did file with a service")
      }
    }

    func tool(_ part: CandidTool.MethodPart) throws(CandidFailure) -> CandidTool {
      let interface = try definitions.interface()
      guard let method else { return try CandidTool(interface: interface, types: types) }
      return try CandidTool(interface: interface, method: method, part: part)
    }
  }

  /// `scaled-storage candid batch`.
  struct Batch: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "batch", abstract: "Answer JSON lines from standard input, one for one.",
      discussion: """
          {"op":"encode","type":"(text)","value":"(\\"a\\")"}  {"hex":"…","ok":true}
          {"op":"decode","hex":"4449444c0001710161"}         {"ok":true,"text":"…"}
          {"op":"subtype","a":"nat","b":"int"}               {"ok":true,"subtype":…}
          {"op":"check","defs":"type T = vec T;"}            {"ok":true}
          {"op":"hash","value":"wasm_chunk"}                 {"hash":…,"ok":true}

        "defs" may hold the source of a .did file without imports; without "type" values have the \
        types they suggest. What cannot be done is answered {"error":"…","offset":…,"ok":false}.
        """)

    func run() throws {
      try BatchLines.run(CandidBatch.answer)
    }
  }

  private static let largestInput = 64 << 20

  /// The argument, or for `-` standard input.
  static func input(_ argument: String) throws -> String {
    guard argument == "-" else { return argument }
    return String(
      decoding: try InputFile.readStandardInput(limit: largestInput), as: UTF8.self)
  }

  static func run<Result>(
    _ body: () throws(CandidFailure) -> Result
  ) throws(CommandFailure) -> Result {
    do throws(CandidFailure) {
      return try body()
    } catch {
      throw CommandFailure(error.report)
    }
  }
}
