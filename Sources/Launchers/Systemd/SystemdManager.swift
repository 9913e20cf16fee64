package import Candid
package import Cluster
import Gateway
package import HTTPTransport
import ScaledStorage

/// Runs each node as an instance of a template unit of systemd, named by the node's port.
///
/// Node 1 has the first port, node 2 the next, and so on. The unit says how the program is started,
/// with data in a directory of its own whose name ends in the port. The node writes there where it
/// answers.
package final class SystemdManager: InstanceManager {
  package struct Settings: Sendable {
    /// The template's name: instances are `TEMPLATE@PORT.service`.
    package var template: String
    /// The directory in which the nodes' data is, as `node-PORT`.
    package var directory: String
    /// The port of node 1.
    package var firstPort: UInt16
    /// The program `systemctl`.
    package var systemctl: String
    /// Its environment, as `NAME=value`.
    package var environment: [String]

    package init(
      template: String, directory: String, firstPort: UInt16, systemctl: String,
      environment: [String] = []
    ) {
      self.template = template
      self.directory = directory
      self.firstPort = firstPort
      self.systemctl = systemctl
      self.environment = environment
    }
  }

  private let settings: Settings
  private let systemctl: Systemctl
  private let loop: EventLoop

  package init(_ settings: Settings, loop: EventLoop) {
    self.settings = settings
    self.loop = loop
    systemctl = Systemctl(
      path: settings.systemctl, environment: settings.environment, loop: loop)
  }

  /// Nil for a node whose number is beyond the ports.
  private func port(of node: Principal) -> UInt16? {
    guard let number = node.canisterNumber, number > 0, number <= UInt16.max else { return nil }
    return UInt16(exactly: Int(settings.firstPort) + Int(number) - 1)
  }

  /// The name of its instance: the port, or the node's own where it has none.
  private func instance(of node: Principal) -> String {
    port(of: node).map(String.init) ?? node.text
  }

  private func unit(of node: Principal) -> String {
    "\(settings.template)@\(instance(of: node)).service"
  }

  private func directory(of node: Principal) -> String {
    settings.directory + "/node-" + instance(of: node)
  }

  package func whereToLook(_ node: Principal) -> String { "journalctl -u \(unit(of: node))" }

  package var isEmpty: Bool {
    guard let names = Directory.readableNames(in: settings.directory) else { return false }
    return !names.contains { name in
      guard name.hasPrefix("node-"), let port = UInt16(name.dropFirst(5)) else { return false }
      return port >= settings.firstPort && !Directory.isEmpty(settings.directory + "/" + name)
    }
  }

  package func look(
    at nodes: [Principal],
    _ completion: @escaping (Result<[Principal: ManagedInstance], ClusterError>) -> Void
  ) {
    let units = nodes.map(unit(of:))
    let arguments = ["show", "--property=Id,ActiveState,MainPID,Result"] + units
    systemctl.run(arguments) { [self] result in
      completion(
        result.map { output in
          let states = UnitState.read(output)
          var found: [Principal: ManagedInstance] = [:]
          for (node, unit) in zip(nodes, units) {
            guard let state = states[unit] else { continue }
            found[node] = ManagedInstance(condition(of: node, state))
          }
          return found
        })
    }
  }

  private func condition(
    of node: Principal, _ state: UnitState
  ) -> ManagedInstance.Condition {
    guard state.runs else {
      return .ended(reason: "its unit is \(state.activity) (\(state.result))")
    }
    let endpoint = EndpointFile(directory: directory(of: node)).read()
    // That of an earlier process counts no more.
    let address = endpoint.flatMap { $0.processID == state.process ? $0.address : nil }
    return .running(run: String(state.process), address: address)
  }

  package func start(_ node: Principal, _ completion: @escaping Completion) {
    guard port(of: node) != nil else {
      let error = ClusterError(
        .conflict,
        "\(node.text) would have a port beyond 65535; systemd-port says which the first one has")
      loop.schedule(after: .zero) { completion(.failure(error)) }
      return
    }
    systemctl.run(["start", unit(of: node)]) { completion($0.map { _ in }) }
  }

  package func stop(
    _ node: Principal, within limit: Duration, _ completion: @escaping Completion
  ) {
    // The unit says how long it may take.
    systemctl.run(["stop", unit(of: node)]) { completion($0.map { _ in }) }
  }

  package func kill(_ node: Principal) {
    systemctl.run(["kill", "--signal=SIGKILL", unit(of: node)]) { _ in }
  }

  package func remove(
    _ node: Principal, within limit: Duration, _ completion: @escaping Completion
  ) {
    let directory = directory(of: node)
    stop(node, within: limit) { result in
      if case .success = result { Directory.remove(directory) }
      completion(result)
    }
  }
}

/// What `systemctl show` tells of a unit.
struct UnitState: Hashable {
  /// `active`, `inactive`, `failed`, `activating`, `deactivating`, …
  var activity: String
  /// 0 for none.
  var process: Int32
  /// Whether there is a program that goes on: also one that opens its store yet, or begins anew.
  var runs: Bool {
    process > 0 && ["active", "activating", "reloading"].contains(activity)
  }
  /// How the last run ended: `success`, `exit-code`, `signal`, …
  var result: String

  /// The units of an output by their names: lines `NAME=VALUE`, and an empty one between units.
  static func read(_ output: String) -> [String: UnitState] {
    var states: [String: UnitState] = [:]
    for block in output.split(separator: "\n", omittingEmptySubsequences: false)
      .split(whereSeparator: \.isEmpty)
    {
      var values: [Substring: Substring] = [:]
      for line in block {
        guard let equals = line.firstIndex(of: "=") else { continue }
        values[line[..<equals]] = line[line.index(after: equals)...]
      }
      guard let name = values["Id"], let activity = values["ActiveState"] else { continue }
      states[String(name)] = UnitState(
        activity: String(activity), process: values["MainPID"].flatMap { Int32($0) } ?? 0,
        result: String(values["Result"] ?? ""))
    }
    return states
  }
}
