import ArgumentParser
import Candid

extension CandidCommand {
  /// `scaled-storage candid encode`.
  struct Encode: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "encode", abstract: "Print the binary form of values, in hexadecimal.",
      discussion: """
          scaled-storage candid encode '("key", 42)' --types '(text, nat8)'
          scaled-storage candid encode - --defs service.did --method put < arguments.txt
        """)

    @Argument(help: "The values, in Candid's text format; - for standard input.")
    var values: String

    @OptionGroup var options: TypeOptions

    func run() throws {
      let text = try CandidCommand.input(values)
      let bytes = try CandidCommand.run { () throws(CandidFailure) in
        try options.tool(.parameters).encode(text)
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
          scaled-storage candid decode - --defs service.did --method get < answer.hex

        With --method the message holds the method's results.
        """)

    @Argument(help: "The message, in hexadecimal; - for standard input.")
    var hex: String

    @OptionGroup var options: TypeOptions

    @Flag(help: "Print JSON: an array of the values.")
    var json = false

    func run() throws {
      let text = try CandidCommand.input(hex)
      let values = try CandidCommand.run { () throws(CandidFailure) in
        try options.tool(.results).decode(CandidTool.message(hex: text))
      }
      let printed = json ? CandidJSON.writeArguments(values) : Array(CandidText.print(values).utf8)
      try StandardStreams.write(printed + [UInt8(ascii: "\n")])
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
}
