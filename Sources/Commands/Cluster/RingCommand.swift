import ArgumentParser
import Candid
import HTTPTransport
import ScaledStorageClient

/// `scaled-storage ring`.
struct RingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ring", abstract: "Show the ring: its epoch, digest and members.",
    discussion: """
      The numbers are those that drain and rolling-restart take. Ends with status 1 when a member \
      does not serve.

        scaled-storage ring
        scaled-storage ring --json
      """)

  @Flag(help: "Print JSON, as GET /ring answers it.")
  var json = false

  @OptionGroup var cluster: ClusterOptions

  func run() throws {
    let connection = try cluster.connect()
    let ring = try connection.ring()
    if json {
      let request = ClusterRequest(target: "/ring", headers: [("accept", "application/json")])
      try StandardStreams.write(try connection.perform(request).checked().body)
    } else {
      try StandardStreams.write(RingCommand.text(ring))
    }
    if !ring.isReady { throw ExitCode.failure }
  }

  static func text(_ ring: RingListing) -> String {
    var table = TextTable("#NODE", "ID", "ADDRESS", "STATE")
    for member in ring.members {
      // The number by which drain and rolling-restart take a node, whatever its place.
      let number = member.id.canisterNumber.map(String.init) ?? "-"
      table.add(number, member.id.text, member.address ?? "-", member.state)
    }
    return "epoch \(ring.epoch), digest \(ring.digest), \(ring.changeText)\n" + table.text
  }
}
