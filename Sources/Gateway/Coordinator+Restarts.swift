package import Candid
package import Cluster
import HTTPTransport
import Logging
import ScaledStorage
import WireProtocol

/// The rolling restart: what operators ask of it, and what the log tells.
extension Coordinator: NodeRestarter {
  package func orderRestart(
    of node: Principal, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    guard let address = machine.nodes[node]?.address else {
      let error = ClusterError(.overloaded, "\(node.text) does not run at this moment")
      loop.schedule(after: .zero) { completion(.failure(error)) }
      return
    }
    let restarts = machine.state.restarts
    let incarnation = restarts?.current == node ? restarts?.incarnation : nil
    peers.restart(node, incarnation: incarnation, at: address, completion)
  }

  /// Answers `rolling_restart`.
  /// - Throws: `ClusterError` that tells why not.
  func answer(
    _ request: RollingRestartRequest
  ) throws(ClusterError) -> RollingRestartStatus {
    let named = try (request.nodes ?? []).map { name throws(ClusterError) in
      try ScaleOrder.node(name)
    }
    guard Set(named).count == named.count else {
      throw ClusterError(.malformed, "name each node that is to be started again once")
    }
    switch request.action {
    case .start: try beginRestarts(named)
    case .cancel:
      try machine.cancelRestarts()
      noteRestarts()
      scheduleAdvance()
    case .status: break
    }
    return RollingRestartStatus(machine)
  }

  /// - Parameter named: none is all members.
  private func beginRestarts(_ named: [Principal]) throws(ClusterError) {
    let nodes = named.isEmpty ? machine.state.map.members : named
    let reason = "asked for by hand"
    do throws(ClusterError) {
      try machine.beginRestarts(of: nodes, now: now)
    } catch {
      note(
        .restart, by: .operator, count: nodes.count, nodes: nodes, reason: reason,
        outcome: .refused, detail: error.message)
      throw error
    }
    areRestartsNoted = true
    note(
      .restart, by: .operator, count: nodes.count, nodes: nodes, reason: reason,
      outcome: .underWay)
    scheduleAdvance()
  }

  /// Notes what came of a rolling restart, and one that was under way already. Called after each
  /// step of the machine.
  func noteRestarts() {
    guard machine.isRestarting != areRestartsNoted, let restarts = machine.state.restarts else {
      return
    }
    guard let outcome = restarts.outcome else {
      // Others tell of those that they lead.
      guard isLeading else { return }
      areRestartsNoted = true
      return note(
        .restart, by: .earlier, count: restarts.nodes.count, nodes: restarts.nodes,
        reason: "it was under way when the gateway began to lead", outcome: .underWay)
    }
    areRestartsNoted = false
    let end: DecisionLog.Outcome =
      switch outcome {
      case .done: .done
      case .cancelled: .cancelled
      case .failed: .failed
      }
    if let entry = decisions.end(end, detail: restarts.failure, now: WallClock.milliseconds) {
      log(entry)
    }
  }
}

extension GatewayServer {
  /// `rolling_restart`: starts nodes again one at a time, or tells how far that is.
  func rollingRestart(_ exchange: Exchange) throws(Problem) -> Disposition {
    let call = try ControlCall("rolling_restart", exchange, access, as: .admin)
    let request: RollingRestartRequest = try call.argument()
    let result: Result<RollingRestartStatus, Problem>
    do throws(ClusterError) {
      result = .success(try coordinator.answer(request))
    } catch {
      result = .failure(Problem(error))
    }
    if request.action != .status { call.note(request.summary, result) }
    let answer = call.answer(.success(try result.get()))
    guard request.action != .status else {
      answer.write(to: exchange)
      return .done
    }
    return try answerOnceDurable(answer, call, exchange)
  }
}
