import Candid
import Cluster
import HTTPTransport
import Logging
import ScaledStorage

extension Coordinator {
  // MARK: - Health

  /// The more nodes, the less often each is asked; during a change, more often.
  private var pollInterval: Duration {
    let count = Int64(max(1, machine.nodes.count))
    return machine.isSettled
      ? .milliseconds(max(100, 5 * count)) : .milliseconds(max(10, 2 * count))
  }

  func pollHealth() {
    let interval = pollInterval
    for (node, view) in machine.nodes {
      guard let text = view.address, !pollsInFlight.contains(node),
        polledAt[node].map({ loop.now - $0 >= interval }) ?? true,
        let address = try? SocketAddress(text)
      else { continue }
      pollsInFlight.insert(node)
      polledAt[node] = loop.now
      let request = ClientRequest(
        method: .get, target: "/node_info", headers: [("accept", "application/candid")], body: [])
      peers.client.send(request, to: address, deadline: Coordinator.pollDeadline) {
        [weak self, term] result in
        self?.polled(node, view.carriedOut, in: term, result)
      }
    }
  }

  private func polled(
    _ node: Principal, _ carriedOut: UInt64, in term: UInt64,
    _ result: Result<ClientResponse, TransportError>
  ) {
    pollsInFlight.remove(node)
    guard !isStopped, term == self.term, machine.nodes[node] != nil else { return }
    guard case .success(let response) = result,
      let info = NodeInfo.read(candid: response.body)
    else {
      reports[node] = nil
      machine.reportFailed(node)
      return killIfHung(node)
    }
    answeredAt[node] = loop.now
    // Another node may have taken the address of one that ended.
    guard info.node == nil || info.node == node, isOurs(info) else { return }
    reports[node] = info
    machine.reported(node, info.report, carriedOut: carriedOut, now: now)
    scheduleAdvance()
  }

  /// A node that runs and has not answered for long is ended, and so started again on its data.
  private func killIfHung(_ node: Principal) {
    guard isLeading, let answered = answeredAt[node], loop.now - answered > Coordinator.hangTime
    else {
      return
    }
    // It may be opening a large store; the rolling restart has a limit of its own.
    if let restarts = machine.state.restarts, machine.isRestarting, restarts.current == node {
      return
    }
    answeredAt[node] = loop.now
    logger.error("\(node.text) has not answered for long, so its process is ended")
    launcher?.kill(node)
  }

  func forget(_ node: Principal) {
    reports[node] = nil
    polledAt[node] = nil
    answeredAt[node] = nil
  }
}
