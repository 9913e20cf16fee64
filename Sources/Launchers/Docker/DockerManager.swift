package import Candid
package import Cluster
package import HTTPTransport

/// Runs each node in a container of its own, with a named volume for its data.
///
/// The container can always be made again, so it is removed when it has ended: it begins with the
/// image and the settings as they are then. The volume is what counts, and goes with the node only.
/// What bears the name of one of ours but not its labels is left alone.
package final class DockerManager: InstanceManager {
  private let settings: DockerSettings
  private let engine: DockerEngine

  /// How often a name that was taken meanwhile is looked at again.
  private static let attempts = 3

  package init(_ settings: DockerSettings, loop: EventLoop) {
    self.settings = settings
    engine = DockerEngine(path: settings.socket, loop: loop)
  }

  /// The name of the node's container, and of its volume.
  private func name(of node: Principal) -> String {
    settings.cluster + "-node-" + (node.canisterNumber.map(String.init) ?? node.text)
  }

  private func labels(of node: Principal) -> [String: String] {
    [DockerSettings.clusterLabel: settings.cluster, DockerSettings.nodeLabel: node.text]
  }

  private var clusterLabel: String { "\(DockerSettings.clusterLabel)=\(settings.cluster)" }

  private func isOurs(_ labels: [String: String]?, _ node: Principal) -> Bool {
    self.labels(of: node).allSatisfy { labels?[$0.key] == $0.value }
  }

  package func whereToLook(_ node: Principal) -> String { "docker logs \(name(of: node))" }

  package var isEmpty: Bool { engine.hasVolume(label: clusterLabel) == false }

  // MARK: - Looking

  package func look(
    at nodes: [Principal],
    _ completion: @escaping (Result<[Principal: ManagedInstance], ClusterError>) -> Void
  ) {
    engine.containers(label: clusterLabel) { [self] result in
      completion(
        result.map { containers in
          var found: [Principal: ManagedInstance] = [:]
          for container in containers {
            guard let text = container.labels?[DockerSettings.nodeLabel],
              let node = Principal(text)
            else { continue }
            found[node] = ManagedInstance(condition(of: container))
          }
          return found
        })
    }
  }

  private func condition(of container: ContainerSummary) -> ManagedInstance.Condition {
    switch container.state {
    case "running", "paused", "restarting":
      .running(run: container.id, address: address(of: container))
    default:
      .ended(reason: "its container ended: \(container.status ?? container.state)")
    }
  }

  private func address(of container: ContainerSummary) -> String? {
    if let host = settings.publish {
      let port = container.ports?.first { $0.privatePort == DockerSettings.port }?.publicPort
      return port.map { "\(host):\($0)" }
    }
    let networks = container.networkSettings?.networks ?? [:]
    let network = settings.network.flatMap { networks[$0] } ?? networks.values.first
    guard let address = network?.address, !address.isEmpty else { return nil }
    return "\(address):\(DockerSettings.port)"
  }

  // MARK: - Starting

  package func start(_ node: Principal, _ completion: @escaping Completion) {
    start(node, attempts: DockerManager.attempts, completion)
  }

  private func start(_ node: Principal, attempts: Int, _ completion: @escaping Completion) {
    let name = name(of: node)
    engine.container(name) { [self] result in
      switch result {
      case .failure(let error): completion(.failure(error))
      case .success(nil): create(node, attempts: attempts, completion)
      case .success(let container?):
        guard isOurs(container.config.labels, node) else {
          return completion(.failure(foreign(name, "container")))
        }
        if container.state.isRunning { return completion(.success(())) }
        engine.remove(name) { [self] result in
          if case .failure = result { return completion(result) }
          create(node, attempts: attempts, completion)
        }
      }
    }
  }

  private func create(_ node: Principal, attempts: Int, _ completion: @escaping Completion) {
    let name = name(of: node)
    ownVolume(of: node) { [self] result in
      if case .failure = result { return completion(result) }
      engine.create(name, order(for: node)) { [self] result in
        switch result {
        case .failure(let error): completion(.failure(error))
        case .success(true): engine.start(name, completion)
        case .success(false) where attempts > 1:
          // Another gateway made it: it is taken over.
          start(node, attempts: attempts - 1, completion)
        case .success(false):
          completion(.failure(ClusterError(.conflict, "others make the container \(name) too")))
        }
      }
    }
  }

  /// Makes the node's volume, unless it has one.
  private func ownVolume(of node: Principal, _ completion: @escaping Completion) {
    let name = name(of: node)
    engine.volume(name) { [self] result in
      switch result {
      case .failure(let error): completion(.failure(error))
      case .success(nil):
        engine.createVolume(VolumeRecord(name: name, labels: labels(of: node)), completion)
      case .success(let volume?):
        guard isOurs(volume.labels, node) else {
          return completion(.failure(foreign(name, "volume")))
        }
        completion(.success(()))
      }
    }
  }

  private func foreign(_ name: String, _ kind: String) -> ClusterError {
    ClusterError(
      .conflict,
      "the \(kind) \(name) is there, and is not this cluster's; remove it, or choose another "
        + "docker-cluster")
  }

  private func order(for node: Principal) -> ContainerOrder {
    let port = "\(DockerSettings.port)/tcp"
    let binds =
      ["\(name(of: node)):\(DockerSettings.data)"] + settings.files.map { "\($0):\($0):ro" }
    return ContainerOrder(
      image: settings.image,
      command: [
        "node", "--data", DockerSettings.data, "--listen", "0.0.0.0:\(DockerSettings.port)",
      ] + settings.arguments,
      labels: labels(of: node), user: settings.user, exposedPorts: [port: .init()],
      host: ContainerOrder.Host(
        binds: binds, networkMode: settings.network, memory: settings.memory,
        portBindings: settings.publish.map { [port: [ContainerOrder.Binding(hostIP: $0)]] }))
  }

  // MARK: - Ending

  package func kill(_ node: Principal) { engine.kill(name(of: node)) { _ in } }

  package func stop(
    _ node: Principal, within limit: Duration, _ completion: @escaping Completion
  ) {
    let name = name(of: node)
    engine.container(name) { [self] result in
      switch result {
      case .failure(let error): completion(.failure(error))
      case .success(let container):
        guard let container, isOurs(container.config.labels, node) else {
          return completion(.success(()))
        }
        engine.stop(name, within: limit) { [self] result in
          if case .failure = result { return completion(result) }
          engine.remove(name, completion)
        }
      }
    }
  }

  package func remove(
    _ node: Principal, within limit: Duration, _ completion: @escaping Completion
  ) {
    let name = name(of: node)
    stop(node, within: limit) { [self] result in
      if case .failure = result { return completion(result) }
      engine.volume(name) { [self] result in
        switch result {
        case .failure(let error): completion(.failure(error))
        case .success(let volume):
          guard let volume, isOurs(volume.labels, node) else { return completion(.success(())) }
          engine.removeVolume(name, completion)
        }
      }
    }
  }
}
