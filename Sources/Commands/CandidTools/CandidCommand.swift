import ArgumentParser
import Candid

/// `scaled-storage candid`.
struct CandidCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "candid", abstract: "Encode, decode and compare Candid, without a cluster.",
    subcommands: [Encode.self, Decode.self, Subtype.self, Check.self, Hash.self, Batch.self])

  struct TypeOptions: ParsableArguments {
    @Option(
      help: ArgumentHelp(
        "The types, like '(text, opt nat)'. (default: as the values suggest)", valueName: "types"))
    var types: String?

    @Option(help: ArgumentHelp("A .did file with the types' definitions.", valueName: "file"))
    var defs: String?

    func tool() throws -> CandidTool {
      try CandidCommand.run { () throws(CandidTool.Failure) in
        try CandidTool(definitions: try CandidCommand.source(defs), types: types)
      }
    }
  }

  /// `scaled-storage candid encode`.
  struct Encode: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "encode", abstract: "Print the binary form of values, in hexadecimal.",
      discussion: """
          scaled-storage candid encode '("key", 42)' --types '(text, nat8)'
        """)

    @Argument(help: "The values, in Candid's text format.")
    var values: String

    @OptionGroup var options: TypeOptions

    func run() throws {
      let tool = try options.tool()
      let bytes = try CandidCommand.run { () throws(CandidTool.Failure) in
        try tool.encode(values)
      }
      try StandardStreams.write(HexDigits.text(bytes) + "\n")
    }
  }

  /// `scaled-storage candid decode`.
  struct Decode: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "decode", abstract: "Print the values of a binary message as text.",
      discussion: """
          scaled-storage candid decode 4449444c0001710161 --types '(text)'
        """)

    @Argument(help: "The message, in hexadecimal.")
    var hex: String

    @OptionGroup var options: TypeOptions

    func run() throws {
      guard let bytes = HexDigits.bytes(hex) else {
        throw CommandFailure("the message is no sequence of pairs of hexadecimal digits")
      }
      let tool = try options.tool()
      let text = try CandidCommand.run { () throws(CandidTool.Failure) in
        try tool.decode(bytes)
      }
      try StandardStreams.write(text + "\n")
    }
  }

  /// `scaled-storage candid subtype`.
  struct Subtype: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "subtype",
      abstract: "Tell whether every value of the first type can be read as the second.",
      discussion: """
        Prints true or false; ends with status 1 for false.

          scaled-storage candid subtype nat int
          scaled-storage candid subtype '(record { a : nat })' '(record {})'
        """)

    @Argument(help: "A type, or types in parentheses.")
    var a: String

    @Argument(help: "The type to be read.")
    var b: String

    @Option(help: ArgumentHelp("A .did file with the types' definitions.", valueName: "file"))
    var defs: String?

    func run() throws {
      let holds = try CandidCommand.run { () throws(CandidTool.Failure) in
        try CandidTool(definitions: try CandidCommand.source(defs), types: nil)
          .isSubtype(a, of: b)
      }
      try StandardStreams.write("\(holds)\n")
      if !holds { throw ExitCode.failure }
    }
  }

  /// `scaled-storage candid check`.
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Check a .did file, and that it can replace another.",
      discussion: """
        Prints nothing when all is well, else ends with status 1.

          scaled-storage candid check new.did --previous old.did
        """)

    @Argument(help: "The .did file.")
    var file: String

    @Option(help: "The .did file whose clients must be able to go on.")
    var previous: String?

    func run() throws {
      let isCompatible = try CandidCommand.run { () throws(CandidTool.Failure) in
        let tool = try CandidTool(definitions: try CandidCommand.source(file), types: nil)
        guard let previous else { return true }
        let old = try CandidTool(definitions: try CandidCommand.source(previous), types: nil)
        return try tool.canReplace(old.interface)
      }
      if !isCompatible {
        throw CommandFailure(
          "the service of \(file) is no subtype of that of \(previous ?? ""): "
            + "its clients could not go on")
      }
    }
  }

  /// `scaled-storage candid hash`.
  struct Hash: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "hash", abstract: "Print the number that a field's name stands for.",
      discussion: """
          scaled-storage candid hash wasm_chunk
        """)

    @Argument(help: "The name.")
    var name: String

    func run() throws {
      try StandardStreams.write("\(CandidLabel.hash(name))\n")
    }
  }

  /// `scaled-storage candid batch`.
  struct Batch: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "batch", abstract: "Answer JSON lines from standard input, one for one.",
      discussion: """
          {"op":"encode","type":"(text)","value":"(\\"a\\")"}    {"hex":"…","ok":true}
          {"op":"decode","hex":"4449444c0001710161"}           {"ok":true,"text":"…"}
          {"op":"subtype","a":"nat","b":"int"}                 {"ok":true,"subtype":true}
          {"op":"check","defs":"type T = vec T;"}              {"ok":true}
          {"op":"hash","value":"wasm_chunk"}                   {"hash":…,"ok":true}

        "defs" may hold the source of a .did file; without "type" values have the types they \
        suggest. What cannot be done is answered {"error":"…","offset":…,"ok":false}.
        """)

    func run() throws {
      try BatchLines.run(CandidBatch.answer)
    }
  }

  private static let largestSource = 16 << 20

  /// The content of a .did file; nothing without a file.
  fileprivate static func source(_ path: String?) throws(CandidTool.Failure) -> String {
    guard let path else { return "" }
    do throws(CommandFailure) {
      return String(decoding: try InputFile.read(path, limit: largestSource), as: UTF8.self)
    } catch {
      throw CandidTool.Failure(error.message)
    }
  }

  fileprivate static func run<Result>(
    _ body: () throws(CandidTool.Failure) -> Result
  ) throws(CommandFailure) -> Result {
    do throws(CandidTool.Failure) {
      return try body()
    } catch {
      throw CommandFailure(error.message + (error.offset.map { " (at byte \($0))" } ?? ""))
    }
  }
}
