import ArgumentParser
import Candid
import Gateway
import HTTPTransport
import ScaledStorageClient

/// `scaled-storage rolling-restart`.
struct RollingRestartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rolling-restart", abstract: "Start nodes again, one at a time.",
    discussion: """
      Each node starts again with the program as it is on disk, on the data that it has: so an \
      upgrade comes to a cluster. The next one has its turn when the one before is ready, knows \
      the ring, and moves no keys; the first that does not come back ends it, with exit status 1. \
      The gateway does the work: interrupting this command does not stop it, --cancel does.

        scaled-storage rolling-restart
        scaled-storage rolling-restart --node 3 --node 1
        scaled-storage rolling-restart --status
      """)

  @Option(help: "Restart this node, by its id or its number; may be repeated. (default: all)")
  var node: [String] = []

  @Flag(help: "Only tell how far the one under way is, or what came of the last.")
  var status = false

  @Flag(help: "Give the one under way up: the node whose turn it is comes back, no other follows.")
  var cancel = false

  @Flag(help: "Do not wait for its end.")
  var noWait = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  private static let lookInterval = Duration.milliseconds(200)

  func validate() throws {
    guard !status || !cancel else {
      throw ValidationError("--status and --cancel exclude each other")
    }
    guard node.isEmpty || !status && !cancel else {
      throw ValidationError("--node is for a rolling restart that is to begin")
    }
    for name in node {
      let isNumber = UInt64(name).map { $0 > 0 } ?? false
      guard isNumber || Principal(name) != nil else {
        throw ValidationError("\"\(name)\" is no node's id, and no number of one such as 3")
      }
    }
  }

  func run() throws {
    // The gateway may start again meanwhile, and goes on then.
    let connection = try cluster.connect(
      credential: secret.required(orToken: cluster), connectPatience: .seconds(30))
    let action = status ? "Status" : cancel ? "Cancel" : "Start"
    var reply = try ask(action, connection)
    if action == "Start", !noWait { reply = try awaitEnd(reply, connection) }
    if json {
      try JSONOutput.print(RollingRestartOutcome(reply))
    } else if action != "Start" || noWait {
      try StandardStreams.write(reply.text)
    }
    try conclude(reply)
  }

  private func ask(
    _ action: String, _ connection: ClusterEngine
  ) throws -> RollingRestartStatus {
    let names = node.map { "\"\($0)\"" }.joined(separator: "; ")
    let nodes = node.isEmpty ? "" : "; nodes = opt vec { \(names) }"
    let request = ClusterRequest(
      method: .post, target: "/rolling_restart",
      headers: [("content-type", "text/candid"), ("accept", "application/candid")],
      body: Array("(record { action = variant { \(action) }\(nodes) })".utf8),
      isRepeatable: action == "Status")
    return try connection.perform(request).ofGateway().result()
  }

  private func awaitEnd(
    _ first: RollingRestartStatus, _ connection: ClusterEngine
  ) throws -> RollingRestartStatus {
    let begin = MonotonicTime.current()
    var progress = ProgressDisplay("rolling-restart", unit: "nodes")
    defer { progress.end() }
    var reply = first
    var told = 0
    while true {
      for turn in reply.nodes.dropFirst(told).prefix(while: { $0.state == "restarted" }) {
        told += 1
        progress.end()
        let seconds = Figures.fixed((MonotonicTime.current() - begin).seconds, places: 1)
        if !json {
          try StandardStreams.write(
            "\(told) of \(reply.nodes.count): \(turn.node.text) has started again (\(seconds) s)\n")
        }
      }
      guard reply.isUnderWay else { return reply }
      progress.show("rolling-restart: \(reply.progressText)")
      connection.pause(RollingRestartCommand.lookInterval)
      reply = try ask("Status", connection)
    }
  }

  /// - Throws: `CommandFailure` for one that was given up, with how to go on.
  private func conclude(_ reply: RollingRestartStatus) throws {
    guard let failure = reply.failure else {
      if reply.outcome == "cancelled", !status, !cancel {
        throw CommandFailure("the rolling restart was cancelled: \(reply.progressText)")
      }
      return
    }
    let rest = reply.nodes.filter { $0.state != "restarted" }.map { "--node \($0.node.text)" }
    throw CommandFailure(
      "the rolling restart was given up: \(failure). See that node's log; mend what it needs, or "
        + "put the program of before in its place. When \"scaled-storage info\" shows it ready, "
        + "the rest is: scaled-storage rolling-restart \(rest.joined(separator: " "))")
  }
}

extension RollingRestartStatus {
  /// How far it is.
  fileprivate var progressText: String {
    let done = nodes.count { $0.state == "restarted" }
    let now = nodes.first { $0.state == "restarting" }.map { ", \($0.node.text) starts again" }
    return "\(done) of \(nodes.count) nodes have started again\(now ?? "")"
  }

  /// What an operator reads.
  fileprivate var text: String {
    guard !nodes.isEmpty else { return "there was no rolling restart yet\n" }
    var table = TextTable("ID", "STATE")
    for turn in nodes { table.add(turn.node.text, turn.state) }
    return (isUnderWay ? "under way" : outcome ?? "") + ": \(progressText)\n" + table.text
  }
}

/// What `rolling-restart --json` prints.
struct RollingRestartOutcome: Encodable {
  struct Turn: Encodable {
    var node: String
    var state: String
  }

  var underWay: Bool
  var outcome: String?
  var nodes: [Turn]
  var failure: String?

  init(_ reply: RollingRestartStatus) {
    underWay = reply.isUnderWay
    outcome = reply.outcome
    nodes = reply.nodes.map { Turn(node: $0.node.text, state: $0.state) }
    failure = reply.failure
  }
}
