import ArgumentParser
import Candid
import Cluster
import HTTPTransport
import ScaledStorageClient
import WireProtocol

/// `scaled-storage info`.
struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Show every node and the cluster as a whole.",
    discussion: """
      Ends with status 1 when the cluster does not serve all keys. Asked of a node, it shows that \
      node only.

        scaled-storage info
        scaled-storage info --json --url http://127.0.0.1:8080
      """)

  @Flag(help: "Print JSON: an object with cluster and nodes.")
  var json = false

  @OptionGroup var cluster: ClusterOptions

  func run() throws {
    let connection = try cluster.connect()
    let isReady = try json ? printJSON(connection) : printTable(connection)
    if !isReady { throw ExitCode.failure }
  }

  private func printTable(_ connection: ClusterEngine) throws -> Bool {
    let whole: NodeInfo = try connection.perform(.query("node_info")).result()
    var nodes: [NodeListing] = []
    var change = ""
    let reply = try connection.perform(.query("nodes"))
    if reply.status == 404 {
      // A node knows of itself only.
      nodes = [
        NodeListing(
          id: whole.node, address: connection.settings.endpoint.authority, state: "node",
          info: whole)
      ]
    } else {
      nodes = try reply.checked().result()
      let ring = try connection.ring()
      if ring.change != nil { change = ring.changeText + "\n" }
    }
    try StandardStreams.write(
      InfoCommand.table(nodes) + InfoCommand.summary(whole, nodes) + change)
    return whole.status.isServing
  }

  private func printJSON(_ connection: ClusterEngine) throws -> Bool {
    let whole = try connection.perform(InfoCommand.jsonQuery("node_info"))
    guard whole.status == 200 || whole.status == 503 else {
      throw CommandFailure(whole.problem.sentence)
    }
    let reply = try connection.perform(InfoCommand.jsonQuery("nodes"))
    let nodes = reply.status == 404 ? Array("[]".utf8) : try reply.checked().body
    try StandardStreams.write(
      Array("{\"cluster\":".utf8) + InfoCommand.trimmed(whole.body) + Array(",\"nodes\":".utf8)
        + InfoCommand.trimmed(nodes) + Array("}\n".utf8))
    return whole.status == 200
  }

  private static func jsonQuery(_ name: String) -> ClusterRequest {
    ClusterRequest(target: "/" + name, headers: [("accept", "application/json")])
  }

  private static func trimmed(_ body: [UInt8]) -> [UInt8] {
    Array(body.prefix { $0 != UInt8(ascii: "\n") })
  }

  static func table(_ nodes: [NodeListing]) -> String {
    var table = TextTable(
      "ID", "ADDRESS", "STATE", "STATUS", "#KEYS", "#BYTES", "#EPOCH", "#REQUESTS/S", "#P99",
      "MODULE")
    for node in nodes {
      table.add(
        node.id?.text ?? "-", node.address ?? "-", node.state, node.info?.status.name ?? "-",
        node.info.map { Figures.grouped($0.size) } ?? "-",
        node.info.map { Figures.bytes($0.bytes) } ?? "-",
        node.info.map { String($0.epoch) } ?? "-",
        node.info.map { Figures.fixed($0.requestsPerSecond, places: 0) } ?? "-",
        node.info?.latencyP99.map(InfoCommand.milliseconds) ?? "-",
        node.info?.moduleSHA256.map { String($0.prefix(12)) } ?? "-")
    }
    return table.text
  }

  private static func milliseconds(_ microseconds: UInt64) -> String {
    Figures.fixed(Double(microseconds) / 1_000, places: 1) + " ms"
  }

  static func summary(_ whole: NodeInfo, _ nodes: [NodeListing]) -> String {
    var text = "\(nodes.count) node\(nodes.count == 1 ? "" : "s"), \(whole.status.name), "
    text += "\(Figures.grouped(whole.size)) key\(whole.size == 1 ? "" : "s"), "
    text += "\(Figures.bytes(whole.bytes)), epoch \(whole.epoch), "
    text += "\(Figures.fixed(whole.requestsPerSecond, places: 0)) requests/s\n"
    if case .error(let error) = whole.status { text += error.message + "\n" }
    return text
  }
}
