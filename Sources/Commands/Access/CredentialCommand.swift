import ArgumentParser
import ScaledStorageService
import WireProtocol

/// `scaled-storage credential`.
struct CredentialCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "credential", abstract: "Replace the cluster's credential while it runs.",
    discussion: """
      The credential's file holds one credential a line. Gateways and nodes use the first and take \
      them all, and read the file again when it changes. rotate does all steps and checks each at \
      every program of the cluster; where machines have copies of the file, take the steps one by \
      one, bring the file to all machines, and check:

        scaled-storage credential rotate
        scaled-storage credential add      # a second line is valid
        scaled-storage credential check
        scaled-storage credential use      # it comes first, and is used
        scaled-storage credential check
        scaled-storage credential drop     # the others are not valid any more
      """,
    subcommands: [Rotate.self, Add.self, Use.self, Drop.self, Check.self])

  /// Without a subcommand.
  func run() throws {
    StandardStreams.note(RootCommand.helpMessage(for: CredentialCommand.self))
    throw ExitCode.validationFailure
  }

  /// `scaled-storage credential add`.
  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "add", abstract: "Write a new credential behind those of the file.")

    @OptionGroup var secret: CredentialOptions

    func run() throws {
      try secret.alone(change)
    }

    private func change() throws {
      let (file, lines) = try secret.file()
      guard lines.count < Credentials.most else {
        throw CommandFailure(
          "\(file.path) has \(lines.count) lines already; drop those that are not used")
      }
      try file.replace(with: lines + [.random()])
      StandardStreams.note(
        "\(file.path) has \(lines.count + 1) lines; when every program has it, "
          + "which check tells, use the last")
    }
  }

  /// `scaled-storage credential use`.
  struct Use: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "use", abstract: "Put the last credential of the file first.")

    @OptionGroup var secret: CredentialOptions

    func run() throws {
      try secret.alone(change)
    }

    private func change() throws {
      let (file, lines) = try secret.file()
      guard let last = lines.last, lines.count > 1 else {
        throw CommandFailure("\(file.path) has one line only; add another")
      }
      try file.replace(with: [last] + lines.dropLast())
      StandardStreams.note(
        "the last line comes first now; when every program uses it, which check tells, drop the "
          + "others")
    }
  }

  /// `scaled-storage credential drop`.
  struct Drop: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "drop", abstract: "Remove all credentials but the first.")

    @OptionGroup var secret: CredentialOptions

    func run() throws {
      try secret.alone(change)
    }

    private func change() throws {
      let (file, lines) = try secret.file()
      guard lines.count > 1 else { throw CommandFailure("\(file.path) has one line only") }
      try file.replace(with: [lines[0]])
    }
  }

  /// `scaled-storage credential check`.
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract: "Ask every program of the cluster for what it takes the file's credentials.",
      discussion: "Ends with status 1 unless all take every line and use the first.")

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var secret: CredentialOptions

    func run() throws {
      let (_, lines) = try secret.file()
      let survey = try CredentialSurvey(cluster, by: lines[0])
      var table = TextTable("PROGRAM", "LINE", "IS")
      var isWell = true
      for (index, credential) in lines.enumerated() {
        for (place, state) in try survey.states(of: credential) {
          table.add(place, String(index + 1), state.text)
          isWell = isWell && state == (index == 0 ? .used : .accepted)
        }
      }
      try StandardStreams.write(table.text)
      if !isWell { throw ExitCode.failure }
    }
  }

  /// `scaled-storage credential rotate`.
  struct Rotate: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rotate",
      abstract: "Replace the credential of a cluster whose programs read the same file.",
      discussion: """
        Each step is checked at the gateway and at every node before the next. When one does not \
        follow, the file is left as it is: both credentials are valid then.
        """)

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var secret: CredentialOptions

    func run() throws {
      try secret.alone(change)
    }

    private func change() throws {
      let (file, lines) = try secret.file()
      guard lines.count < Credentials.most else {
        throw CommandFailure(
          "\(file.path) has \(lines.count) lines; check and drop those that are not used")
      }
      let fresh = Credential.random()
      var survey = try CredentialSurvey(cluster, by: lines[0])
      try survey.wait(for: .used, lines[0], "take the credential that \(file.path) has first")
      try file.replace(with: lines + [fresh])
      try survey.wait(for: .accepted, fresh, "take the new credential")
      StandardStreams.note("added: both credentials are valid everywhere")
      try file.replace(with: [fresh] + lines)
      // Whoever starts now may know the new one only.
      survey = try CredentialSurvey(cluster, by: fresh)
      try survey.wait(for: .used, fresh, "use the new credential")
      StandardStreams.note("used: every program uses the new one")
      try file.replace(with: [fresh])
      for old in lines { try survey.wait(for: .refused, old, "refuse the old credential") }
      StandardStreams.note("dropped: the old one is not valid any more")
    }
  }
}

extension CredentialOptions {
  /// Does what changes the credential's file while no other command does.
  /// - Throws: `CommandFailure` when there is none.
  func alone(_ change: () throws -> Void) throws {
    // A lock is made only where there is something to lock.
    _ = try file()
    try FileChange.alone(at: path(), change)
  }

  /// The credential's file with what it holds.
  /// - Throws: `CommandFailure` when there is none.
  func file() throws -> (file: CredentialFile, credentials: [Credential]) {
    let file = CredentialFile(path: path())
    do {
      guard let credentials = try file.credentials() else {
        throw CommandFailure("there is no \(file.path); name the file with --credential-file")
      }
      return (file, credentials)
    } catch let error as CredentialError {
      throw CommandFailure("\(file.path) holds no credential: \(error.message)")
    }
  }
}
