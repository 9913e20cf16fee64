import ArgumentParser
import Candid
import Gateway
import HTTPTransport
import ScaledStorageClient

/// What an operator wants of the ring.
enum ScaleOrder {
  case up(UInt32)
  case down(UInt32)
  case to(UInt32)
  case drain([String])
  case cancel

  /// The argument of `scale`, in Candid's text: gateways of earlier versions read `Up` of one node.
  func argument(plan: Bool) -> String {
    let (action, rest) =
      switch self {
      case .up(1): ("Up", "")
      case .up(let count): ("Up", "count = opt \(count); ")
      case .down(let count): ("Down", "count = opt \(count); ")
      case .to(let count): ("To", "count = opt \(count); ")
      case .drain(let nodes):
        ("Drain", "nodes = opt vec { \(nodes.map { "\"\($0)\"" }.joined(separator: "; ")) }; ")
      case .cancel: ("Cancel", "")
      }
    return "(record { action = variant { \(action) }; \(rest)plan = opt \(plan) })"
  }
}

/// Asks the gateway to change the ring, and waits for it if that is wanted.
struct ScaleCall: ParsableArguments {
  @Flag(help: "Only tell what would move.")
  var plan = false

  @Flag(help: "Wait until the ring has settled, and show how far it is.")
  var wait = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  static func checkCount(_ count: UInt32) throws {
    guard count >= 1 else { throw ValidationError("the number of nodes is 1 or more") }
  }

  func validate() throws {
    guard !plan || !wait else {
      throw ValidationError("there is nothing to --wait for in a --plan")
    }
  }

  func request(_ order: ScaleOrder) -> ClusterRequest {
    ClusterRequest(
      method: .post, target: "/scale",
      headers: [("content-type", "text/candid"), ("accept", "application/candid")],
      body: Array(order.argument(plan: plan).utf8), isRepeatable: false)
  }

  func run(_ order: ScaleOrder) throws {
    let connection = try cluster.connect(credential: secret.required(orToken: cluster))
    if wait { try awaitCalm(connection) }
    let reply: ScaleResult = try connection.perform(request(order)).ofGateway().result()
    if !json { try StandardStreams.write(reply.text(withTable: plan)) }
    if wait { try awaitSettled(reply, connection) }
    if json { try JSONOutput.print(ScaleOutcome(reply)) }
  }

  // MARK: - Waiting

  private static let lookInterval = Duration.milliseconds(100)

  /// After a change, nodes still remove what has moved: a moment in which no other can begin.
  private func awaitCalm(_ connection: ClusterEngine) throws {
    let begin = MonotonicTime.current()
    var ring = try connection.ring()
    while ring.change == nil, !ring.isSettled,
      (MonotonicTime.current() - begin).seconds < cluster.timeout
    {
      connection.pause(ScaleCall.lookInterval)
      ring = try connection.ring()
    }
  }

  /// - Throws: `CommandFailure` when the change came to nothing.
  private func awaitSettled(_ reply: ScaleResult, _ connection: ClusterEngine) throws {
    var progress = ProgressDisplay("scale", unit: "keys")
    defer { progress.end() }
    var ring = try connection.ring()
    while ring.change != nil || !ring.isSettled || !(ring.ending ?? []).isEmpty {
      progress.show(ring.change?.progressText ?? ring.changeText)
      connection.pause(ScaleCall.lookInterval)
      ring = try connection.ring()
    }
    progress.end()
    let members = Set(ring.members.map(\.id))
    let isDone =
      members.isSuperset(of: reply.joining ?? []) && members.isDisjoint(with: reply.leaving ?? [])
    guard isDone else {
      throw CommandFailure("the change was given up: \(ring.lastFailure ?? "another one came")")
    }
    if !json {
      let count = ring.members.count
      try StandardStreams.write(
        "settled at epoch \(ring.epoch) with \(count) node\(count == 1 ? "" : "s")\n")
    }
  }
}

extension ScaleResult {
  /// What an operator reads.
  func text(withTable: Bool) -> String {
    var text = message + "\n"
    if withTable, let shares, !shares.isEmpty {
      var table = TextTable("ID", "STATE", "#KEYS", "#BYTES", "#KEYS AFTER", "#BYTES AFTER")
      for share in shares {
        table.add(
          share.node.text, share.role, Figures.grouped(share.keys), Figures.bytes(share.bytes),
          Figures.grouped(share.keysAfter), Figures.bytes(share.bytesAfter))
      }
      text += table.text
      if let bytes { text += "about \(Figures.bytes(bytes)) move\n" }
    }
    if let warning { text += "warning: \(warning)\n" }
    return text
  }
}

/// What `scale --json` prints.
struct ScaleOutcome: Encodable {
  struct Share: Encodable {
    var node: String
    var role: String
    var keys: UInt64
    var bytes: UInt64
    var keysAfter: UInt64
    var bytesAfter: UInt64
  }

  var node: String?
  var nodes: UInt32
  var moves: UInt64
  var bytes: UInt64?
  var message: String
  var joining: [String]
  var leaving: [String]
  var shares: [Share]
  var warning: String?

  init(_ reply: ScaleResult) {
    node = reply.node?.text
    nodes = reply.nodes
    moves = reply.moves
    bytes = reply.bytes
    message = reply.message
    joining = (reply.joining ?? []).map(\.text)
    leaving = (reply.leaving ?? []).map(\.text)
    shares = (reply.shares ?? []).map { share in
      Share(
        node: share.node.text, role: share.role, keys: share.keys, bytes: share.bytes,
        keysAfter: share.keysAfter, bytesAfter: share.bytesAfter)
    }
    warning = reply.warning
  }
}
