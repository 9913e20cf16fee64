import ArgumentParser
import Candid
import Gateway
import HTTPTransport
import ScaledStorageClient

/// `scaled-storage module`.
struct ModuleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "module", abstract: "Look at the cluster's WebAssembly module, or go back.",
    discussion: """
      "scaled-storage upload" brings a module to the cluster.

        scaled-storage module list
        scaled-storage module rollback
        scaled-storage module inspect counter.wasm
      """,
    subcommands: [ModuleListCommand.self, ModuleRollbackCommand.self, ModuleInspectCommand.self])

  /// Without a subcommand.
  func run() throws {
    StandardStreams.note(RootCommand.helpMessage(for: ModuleCommand.self))
    throw ExitCode.validationFailure
  }
}

/// `scaled-storage module list`.
struct ModuleListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Show the module, the one before, and which node has which.",
    discussion: """
      Ends with status 1 while the module goes no further, since a node refuses it.

        scaled-storage module list
        scaled-storage module list --json
      """)

  @Flag(help: "Print JSON, as GET /module_info answers it.")
  var json = false

  @OptionGroup var cluster: ClusterOptions

  func run() throws {
    let connection = try cluster.connect()
    let info = try ModuleRoll.gatewayInfo(connection)
    if json {
      let request = ClusterRequest(
        target: "/module_info", headers: [("accept", "application/json")])
      try StandardStreams.write(try connection.perform(request).checked().body)
    } else {
      try StandardStreams.write(ModuleListCommand.text(info))
    }
    if info.halt != nil { throw ExitCode.failure }
  }

  static func text(_ info: ModuleInfo) -> String {
    guard info.wanted != nil || info.previous != nil else {
      return "the cluster has no module; \"scaled-storage upload\" brings one\n"
    }
    var modules = TextTable("MODULE", "ROLE", "#BYTES", "METHODS")
    for (module, role) in [(info.wanted, "wanted"), (info.previous, "previous")] {
      guard let module else { continue }
      modules.add(
        String(module.sha256.prefix(12)), role, Figures.grouped(module.bytes),
        module.methods.map(\.name).joined(separator: ", "))
    }
    var nodes = TextTable("NODE", "STATE", "MODULE")
    for node in info.nodes {
      nodes.add(node.id.text, node.state, node.sha256.map { String($0.prefix(12)) } ?? "-")
    }
    var text = modules.text + "\n" + nodes.text
    if let halt = info.halt {
      text += ModuleRoll.text(halt, info) + "\n"
    } else if info.isRolling {
      text += ModuleRoll.waitingText(info) + "\n"
    }
    return text
  }
}

/// `scaled-storage module rollback`.
struct ModuleRollbackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Go back to the module before the present one.",
    discussion: """
      It comes to the nodes one by one, as an upload does. What the module's methods have written \
      stays. Called twice, it brings the present module again.

        scaled-storage module rollback
      """)

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  @Flag(help: "Do not wait until all nodes have it.")
  var noWait = false

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  func run() throws {
    let connection = try cluster.connect(credential: secret.required(orToken: cluster))
    let request = ClusterRequest(
      method: .post, target: "/module_rollback",
      headers: [("content-type", "application/candid"), ("accept", "application/candid")],
      body: try CandidBinary.encode([]), isRepeatable: false)
    let reply = try connection.perform(request)
    guard reply.status != 404 else { throw ModuleRoll.askGateway }
    let info: ModuleInfo = try reply.checked().result()
    guard let wanted = info.wanted else {
      throw CommandFailure("the cluster went back, but does not tell to which module")
    }
    let rolled =
      noWait
      ? nil
      : try ModuleRoll(connection: connection, patience: cluster.timeout).wait(for: wanted.sha256)
    let outcome = ModuleOutcome(sha256: wanted.sha256, bytes: wanted.bytes, rolled)
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(outcome.text("comes to the nodes again"))
    }
  }
}
