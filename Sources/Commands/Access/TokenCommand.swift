import ArgumentParser
import Foundation
import HTTPTransport
import ScaledStorage
import ScaledStorageService
import WireProtocol

/// `scaled-storage token`.
struct TokenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Say who may do what: write the access file of a cluster.",
    discussion: """
      The file holds each token's SHA-256 only. Gateways and nodes that run take it within seconds.

        scaled-storage token add reports --role read --access-file access
        scaled-storage token list --access-file access
        scaled-storage token remove reports --access-file access
      """,
    subcommands: [Add.self, List.self, Remove.self])

  /// Without a subcommand.
  func run() throws {
    StandardStreams.note(RootCommand.helpMessage(for: TokenCommand.self))
    throw ExitCode.validationFailure
  }

  /// `scaled-storage token add`.
  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "add", abstract: "Make a token, print it once, and note its SHA-256.",
      discussion: """
        A name may have several tokens, as while one replaces another. With --certificate the \
        bearer is known by a client certificate instead, and nothing is printed.

          scaled-storage token add reports --role read \\
            --access-file access > reports.token
          scaled-storage get greeting --token-file reports.token
          scaled-storage token add deployer --role admin --certificate deployer.crt \\
            --access-file access
        """)

    @Argument(help: "Who has it.")
    var name: String

    @Option(help: "What its bearer may do: read, write or admin.")
    var role: String

    @Option(help: ArgumentHelp("A client certificate in PEM.", valueName: "file"))
    var certificate: String?

    @OptionGroup var file: AccessFileOptions

    func validate() throws {
      guard let role = Role(rawValue: role), AccessList.grantable.contains(role) else {
        throw ValidationError("--role is read, write or admin")
      }
      guard Caller.isName(name), !Caller.reservedNames.contains(name) else {
        throw ValidationError(
          "a name has 1 to 64 letters, digits, \".\", \"_\", \"@\" and \"-\", and is none of "
            + Caller.reservedNames.sorted().joined(separator: ", "))
      }
    }

    func run() throws {
      if let certificate {
        let bytes = try InputFile.read(certificate, limit: 1 << 20)
        guard let encoded = PEM.first("CERTIFICATE", in: bytes) else {
          throw CommandFailure("\(certificate) holds no certificate in PEM")
        }
        return try append("certificate:\(SHA256.hexadecimal(SHA256.digest(encoded)))")
      }
      let token = TokenCommand.random()
      try append("sha256:\(SHA256.hexadecimal(SHA256.digest(Array(token.utf8))))")
      try StandardStreams.write(token + "\n")
    }

    private func append(_ proof: String) throws {
      try FileChange.alone(at: file.path) {
        var text = try file.text() ?? AccessFileOptions.heading
        if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
        try file.replace(text + "\(name) \(role) \(proof)\n")
      }
    }
  }

  /// 256 bits from the system's random source, behind what tells people and programs that look for
  /// secrets in the wrong places what it is.
  static func random() -> String { "sst-" + Credential.random().text }

  /// `scaled-storage token list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Show who may do what.")

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var file: AccessFileOptions

    private struct Line: Encodable {
      var name: String
      var role: String
      var kind: String
      var sha256: String
    }

    func run() throws {
      let lines = try file.existing().list.entries.map { entry in
        Line(
          name: entry.caller.name, role: entry.caller.role.rawValue,
          kind: entry.proof == .token ? "token" : "certificate", sha256: entry.digest.hexadecimal)
      }
      if json { return try JSONOutput.print(lines) }
      var table = TextTable("NAME", "ROLE", "KIND", "SHA-256")
      for line in lines { table.add(line.name, line.role, line.kind, line.sha256) }
      try StandardStreams.write(table.text)
    }
  }

  /// `scaled-storage token remove`.
  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "remove", abstract: "Take a name's tokens and certificates away.",
      discussion: """
          scaled-storage token remove reports --access-file access
          scaled-storage token remove reports --sha256 4355a46b --access-file access
        """)

    @Argument(help: "Whose.")
    var name: String

    @Option(help: "Only the one whose SHA-256, as token list shows it, begins so.")
    var sha256: String?

    @OptionGroup var file: AccessFileOptions

    func run() throws {
      _ = try file.existing()
      try FileChange.alone(at: file.path, remove)
    }

    private func remove() throws {
      let (text, list) = try file.existing()
      let gone = list.entries.filter { entry in
        entry.caller.name == name
          && (sha256.map { entry.digest.hexadecimal.hasPrefix($0.lowercased()) } ?? true)
      }
      guard !gone.isEmpty else {
        throw CommandFailure(
          "\(file.path) has no line for \(name)"
            + (sha256.map { " with a SHA-256 that begins with \($0)" } ?? ""))
      }
      let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      let numbers = Set(gone.map(\.line))
      let rest = lines.enumerated().filter { !numbers.contains($0.offset + 1) }.map(\.element)
      try file.replace(rest.joined(separator: "\n"))
    }
  }
}

/// The access file that a command writes.
struct AccessFileOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The cluster's access file. (environment: SCALED_STORAGE_ACCESS_FILE)", valueName: "file"))
  var accessFile: String?

  static let heading =
    "# NAME ROLE sha256:HEX or certificate:HEX; scaled-storage token writes it.\n"
  private static let limit = 4 << 20

  func validate() throws { _ = try named() }

  private func named(_ environment: Environment = .process) throws -> String {
    guard let path = accessFile ?? environment.value("SCALED_STORAGE_ACCESS_FILE") else {
      throw ValidationError("name the access file with --access-file")
    }
    return path
  }

  var path: String { (try? named()) ?? "" }

  /// The file's text; nil when there is none.
  /// - Throws: `CommandFailure` when the services could not use it.
  func text() throws -> String? {
    let text = try SecretFile.text(at: path, limit: AccessFileOptions.limit)
    if let text { _ = try list(text) }
    return text
  }

  func existing() throws -> (text: String, list: AccessList) {
    guard let text = try text() else {
      throw CommandFailure("there is no \(path); scaled-storage token add makes it")
    }
    return (text, try list(text))
  }

  private func list(_ text: String) throws(CommandFailure) -> AccessList {
    do throws(AccessListError) {
      return try AccessList(text)
    } catch {
      throw CommandFailure("\(path), line \(error.line): \(error.message)")
    }
  }

  /// Writes the file, unless the services could not use it.
  func replace(_ text: String) throws {
    _ = try list(text)
    try SecretFile.replace(path, with: text)
  }
}

/// Blocks of base 64 between two lines (RFC 7468).
enum PEM {
  /// The bytes of the first block of a kind.
  static func first(_ label: String, in bytes: [UInt8]) -> [UInt8]? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let begin = text.range(of: "-----BEGIN \(label)-----"),
      let end = text.range(of: "-----END \(label)-----", range: begin.upperBound..<text.endIndex)
    else { return nil }
    let digits = text[begin.upperBound..<end.lowerBound].filter { !$0.isWhitespace }
    return Data(base64Encoded: digits).map(Array.init)
  }
}
