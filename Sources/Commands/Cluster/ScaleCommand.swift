import ArgumentParser
import Candid
import HTTPTransport

/// `scaled-storage scale`.
struct ScaleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale", abstract: "Change the number of nodes by hand.",
    subcommands: [Up.self])

  /// `scaled-storage scale up`.
  struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "up", abstract: "Add a node.",
      discussion: """
        Returns when the node has begun to join; "scaled-storage ring" tells when it has joined.

          scaled-storage scale up --plan
          scaled-storage scale up --credential-file ./scaled-storage-data/credential
        """)

    @Flag(help: "Only tell what would move.")
    var plan = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var secret: CredentialOptions

    func run() throws {
      let connection = try cluster.connect(credential: secret.required())
      let outcome: ScaleOutcome = try connection.perform(request).checked().result()
      if json {
        try JSONOutput.print(outcome)
      } else {
        try StandardStreams.write(outcome.message + "\n")
      }
    }

    var request: ClusterRequest {
      ClusterRequest(
        method: .post, target: "/scale",
        headers: [("content-type", "text/candid"), ("accept", "application/candid")],
        body: Array("(record { action = variant { Up }; plan = opt \(plan) })".utf8),
        isRepeatable: false)
    }
  }
}

/// What `POST /scale` answers.
struct ScaleOutcome: CandidRecord, Encodable {
  /// The node that is joining; nil for a plan.
  var node: String?
  /// Nodes after the change.
  var nodes: UInt32
  /// About how many keys move.
  var moves: UInt64
  var message: String

  static let candidFields = CandidFields(
    { (node: Principal?, nodes: UInt32, moves: UInt64, message: String) in
      ScaleOutcome(node: node?.text, nodes: nodes, moves: moves, message: message)
    }, CandidMember("node", \.principal), CandidMember("nodes", \.nodes),
    CandidMember("moves", \.moves), CandidMember("message", \.message))

  private var principal: Principal? { node.flatMap { Principal($0) } }
}
