import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import WireProtocol

/// The cluster of a run as its nemesis and its judge see it: processes, and the gateway's word.
final class TortureCluster {
  let processes: TortureProcesses
  let mainLine: MainLine
  private let clients: TortureClients
  private var connection: (address: SocketAddress, connection: ClusterEngine)?
  private var isRefreshing = false

  private static let startTime = Duration.seconds(60)
  private static let requestTime = Duration.seconds(5)
  private static let refreshInterval = Duration.milliseconds(250)

  init(processes: TortureProcesses, mainLine: MainLine, clients: TortureClients) {
    self.processes = processes
    self.mainLine = mainLine
    self.clients = clients
  }

  /// Starts the first gateway and waits until the cluster serves.
  func start() throws(CommandFailure) {
    try processes.startGateway()
    let isUp = try mainLine.wait(atMost: TortureCluster.startTime) {
      processes.findGatewayAddress() != nil
    }
    guard isUp else { throw CommandFailure("the gateway did not come up") }
    while try unsettled() != nil { try mainLine.pause(.milliseconds(50)) }
    refresh()
    isRefreshing = true
    keepRefreshing()
  }

  /// Tells the clients where gateway and nodes are.
  func refresh() {
    _ = processes.findGatewayAddress()
    clients.targets = TortureClients.Targets(
      gateways: processes.gatewayAddress.map { [$0] } ?? [],
      nodes: processes.nodes.compactMap(processes.address))
  }

  private func keepRefreshing() {
    mainLine.loop.schedule(after: TortureCluster.refreshInterval) { [weak self] in
      guard let self, isRefreshing else { return }
      refresh()
      keepRefreshing()
    }
  }

  func stopRefreshing() { isRefreshing = false }

  // MARK: - What the gateway is asked

  private func gateway() throws(CommandFailure) -> ClusterEngine {
    guard let address = processes.gatewayAddress else {
      throw CommandFailure("there is no gateway")
    }
    if let connection, connection.address == address { return connection.connection }
    let secret = try? InputFile.read(processes.credentialFile, limit: 4_096)
    let text = String(decoding: secret ?? [], as: UTF8.self).split(whereSeparator: \.isWhitespace)
    do {
      var settings = ClusterEngine.Settings(endpoint: try HTTPEndpoint("http://\(address)"))
      settings.timeout = TortureCluster.requestTime
      settings.connectPatience = .milliseconds(200)
      settings.credential = try? Credential(text.first.map(String.init) ?? "")
      let made = try ClusterEngine(loop: mainLine.loop, settings)
      connection?.connection.shutdown()
      connection = (address, made)
      return made
    } catch {
      throw CommandFailure("\(error)")
    }
  }

  func ring() throws(CommandFailure) -> RingListing {
    try mainLine.ask(try gateway(), .query("ring")).checked().result()
  }

  /// The members of the ring with what each says of itself.
  func members() throws(CommandFailure) -> [(address: SocketAddress, info: NodeInfo)] {
    var members: [(address: SocketAddress, info: NodeInfo)] = []
    for member in try ring().members {
      guard let text = member.address, let address = try? SocketAddress(text) else {
        throw CommandFailure("\(member.id.text) has no address")
      }
      let reply = try mainLine.ask(try gateway(), .query("node_info"), at: address)
      members.append((address, try reply.result()))
    }
    return members
  }

  /// Asks for a change of the cluster's size.
  /// - Parameter node: the number of the node to drain.
  func change(_ change: Change, node: String) throws(CommandFailure) -> Change.Answer {
    let request = ClusterRequest(
      method: .post, target: "/scale",
      headers: [("content-type", "text/candid"), ("accept", "application/candid")],
      body: Array(change.request(node: node).utf8), isRepeatable: false)
    do throws(CommandFailure) {
      let reply = try mainLine.ask(try gateway(), request)
      if reply.isSuccess { return .begun }
      // What is malformed has been understood.
      return reply.status == 400 && reply.problem.code != "malformed" ? .unknown : .refused
    } catch {
      if mainLine.isInterrupted { throw error }
      return .refused
    }
  }

  // MARK: - Convergence

  /// Why the cluster has not come to rest; nil once it has: every member is ready, at the same
  /// epoch and with the same ring, and no key is on its way.
  func unsettled() throws(CommandFailure) -> String? {
    do throws(CommandFailure) {
      let ring = try ring()
      guard ring.isSettled, ring.joining == nil, ring.isReady else {
        let states = ring.members.map(\.state).joined(separator: ", ")
        return "the ring is not settled at epoch \(ring.epoch): \(states)"
      }
      for (_, info) in try members() {
        let name = info.node?.text ?? "a node"
        guard info.status == .ready else { return "\(name) is \(info.status.name)" }
        guard info.epoch == ring.epoch, info.ringDigest == ring.digest else {
          return "\(name) is at epoch \(info.epoch), the ring at \(ring.epoch)"
        }
        guard info.handover == nil, !info.isPurging else { return "\(name) still moves keys" }
      }
      return nil
    } catch {
      if mainLine.isInterrupted { throw error }
      return error.message
    }
  }

  /// Waits until the cluster has come to rest. Returns how long that took, in seconds; nil when it
  /// took too long.
  func converge(within limit: Duration) throws(CommandFailure) -> Double? {
    let begin = MonotonicTime.current()
    while true {
      refresh()
      reason = try unsettled()
      if reason == nil { return (MonotonicTime.current() - begin).seconds }
      guard MonotonicTime.current() - begin < limit else { return nil }
      try mainLine.pause(.milliseconds(100))
    }
  }

  /// Why the cluster had not come to rest when that was looked at last.
  private(set) var reason: String?
}
