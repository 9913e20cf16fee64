import ArgumentParser
import Candid

extension CandidCommand {
  /// `scaled-storage candid subtype`.
  struct Subtype: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "subtype",
      abstract: "Tell whether every value of the first type can be read as the second.",
      discussion: """
        Prints true or false; ends with status 1 for false, and tells why.

          scaled-storage candid subtype nat int
          scaled-storage candid subtype '(record { a : nat })' '(record {})'
        """)

    @Argument(help: "A type, or types in parentheses.")
    var a: String

    @Argument(help: "The type to be read.")
    var b: String

    @OptionGroup var options: DefinitionOptions

    func run() throws {
      let reason = try CandidCommand.run { () throws(CandidFailure) in
        try CandidTool(interface: options.interface(), types: nil).compare(a, with: b)
      }
      try StandardStreams.write(reason == nil ? "true\n" : "false\n")
      if let reason {
        StandardStreams.note(reason)
        throw ExitCode.failure
      }
    }
  }

  /// `scaled-storage candid check`.
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Check a .did file, and that it can replace another.",
      discussion: """
        Prints nothing when all is well, else what is wrong, and ends with status 1.

          scaled-storage candid check new.did --previous old.did
        """)

    @Argument(help: "The .did file.")
    var file: String

    @Option(name: .shortAndLong, help: "The .did file whose clients must be able to go on.")
    var previous: String?

    func run() throws {
      let problems = try CandidCommand.run { () throws(CandidFailure) -> [String] in
        let interface = try CandidFiles.interface(file)
        guard let previous else { return [] }
        let old = try CandidFiles.interface(previous)
        return try CandidTool(interface: interface, types: nil).upgradeProblems(from: old)
      }
      guard problems.isEmpty else {
        throw CommandFailure(
          "clients of \(previous ?? "") could not go on with \(file):\n"
            + problems.map { "  \($0)" }.joined(separator: "\n"))
      }
    }
  }

  /// `scaled-storage candid print`.
  struct Print: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "print", abstract: "Print a .did file in a uniform layout.",
      discussion: """
        Imports are resolved and definitions sorted; comments and the names of parameters are left \
        out.

          scaled-storage candid print service.did
        """)

    @Argument(help: "The .did file.")
    var file: String

    func run() throws {
      let interface = try CandidCommand.run { () throws(CandidFailure) in
        try CandidFiles.interface(file)
      }
      try StandardStreams.write(interface.description)
    }
  }
}
