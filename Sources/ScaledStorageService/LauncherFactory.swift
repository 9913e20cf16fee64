import Foundation
import Gateway
import HTTPTransport
import Launchers
import Logging

/// Makes the launcher that the settings ask for, as often as the gateway begins to lead.
struct LauncherFactory {
  private enum Kind {
    case named([String])
    case process
    case docker(DockerSettings)
    case systemd(SystemdManager.Settings)
    case kubernetes(StatefulSetPods.Settings, authority: String, account: ServiceAccount)
  }

  private let kind: Kind
  private let processes: ProcessLauncher.Settings
  private let loop: EventLoop
  private let tls: TLSContext?
  private let logger: Logger

  /// - Parameter processes: how nodes are started as processes of this machine; others are told the
  ///   same.
  /// - Throws: `ConfigurationError` for what is missing.
  init(
    _ scaling: ScalingSettings, processes: ProcessLauncher.Settings, loop: EventLoop,
    tls: TLSContext?, logger: Logger
  ) throws {
    self.processes = processes
    self.loop = loop
    self.tls = tls
    self.logger = logger
    if let names = scaling.instances {
      kind = .named(names)
      return
    }
    switch scaling.launcher {
    case .process:
      kind = .process
    case .docker(let docker):
      kind = .docker(LauncherFactory.containers(docker, processes))
    case .systemd(let systemd):
      kind = .systemd(
        SystemdManager.Settings(
          template: systemd.unit, directory: systemd.data, firstPort: systemd.port,
          systemctl: systemd.systemctl,
          environment: processes.environment))
    case .kubernetes(let kubernetes):
      kind = try LauncherFactory.pods(kubernetes)
    }
  }

  /// Whether there is no node's data as far as can be told: then a cluster may begin. What
  /// instances of others hold, they say themselves.
  var isEmpty: Bool {
    switch kind {
    case .named, .kubernetes: true
    case .process: ProcessLauncher(loop: loop, settings: processes, logger: logger).isEmpty
    case .docker(let settings): DockerManager(settings, loop: loop).isEmpty
    case .systemd(let settings): SystemdManager(settings, loop: loop).isEmpty
    }
  }

  func launcher(for coordinator: Coordinator) -> any Launcher {
    switch kind {
    case .named(let names):
      let pool = InstancePool(names: names, loop: loop, tls: tls, logger: logger)
      pool.cluster = coordinator
      return pool
    case .process:
      let launcher = ProcessLauncher(loop: loop, settings: processes, logger: logger)
      launcher.restarter = coordinator
      return launcher
    case .docker(let settings):
      return managed(DockerManager(settings, loop: loop), coordinator)
    case .systemd(let settings):
      return managed(SystemdManager(settings, loop: loop), coordinator)
    case .kubernetes(let settings, let authority, let account):
      let pods = StatefulSetPods(
        settings, api: KubernetesAPI(authority: authority, account: account, loop: loop),
        loop: loop, logger: logger)
      let pool = InstancePool(source: pods, loop: loop, tls: tls, logger: logger)
      pool.cluster = coordinator
      return pool
    }
  }

  private func managed(
    _ manager: any InstanceManager, _ coordinator: Coordinator
  ) -> ManagedLauncher {
    let launcher = ManagedLauncher(manager: manager, loop: loop, tls: tls, logger: logger)
    launcher.isOurs = { [weak coordinator] info in coordinator?.isOurs(info) ?? true }
    launcher.mayBeBlank = { [weak coordinator] node in coordinator?.mayBeBlank(node) ?? true }
    return launcher
  }

  /// Containers are told what processes are. The files that this names are theirs as well, but for
  /// the one that they write.
  private static func containers(
    _ docker: LauncherSettings.Docker, _ processes: ProcessLauncher.Settings
  ) -> DockerSettings {
    var arguments = processes.arguments.filter { $0 != "--port-fallback" }
    var written: String?
    if let index = arguments.firstIndex(of: "--audit-log"), index + 1 < arguments.count {
      written = DockerSettings.data + "/audit.log"
      arguments[index + 1] = DockerSettings.data + "/audit.log"
    }
    var containers = DockerSettings(
      socket: docker.socket, cluster: docker.cluster, image: docker.image, arguments: arguments)
    containers.files = arguments.filter {
      $0.hasPrefix("/") && $0 != written && FileManager.default.fileExists(atPath: $0)
    }
    containers.network = docker.network
    containers.publish = docker.publish
    containers.memory = docker.memory
    containers.user = docker.user
    return containers
  }

  /// A pod finds the API server by what Kubernetes tells all of them.
  private static func pods(_ settings: LauncherSettings.Kubernetes) throws -> Kind {
    let environment = ProcessInfo.processInfo.environment
    guard let host = environment["KUBERNETES_SERVICE_HOST"],
      let port = environment["KUBERNETES_SERVICE_PORT"]
    else {
      throw ConfigurationError(
        message: "launcher is kubernetes, and KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT "
          + "are not set: the gateway has to run in a pod")
    }
    let account: ServiceAccount
    do throws(TransportError) {
      account = try ServiceAccount(directory: settings.account)
    } catch {
      throw ConfigurationError(message: error.message)
    }
    let namespace = settings.namespace ?? account.namespace
    guard let namespace else {
      throw ConfigurationError(
        message: "\(settings.account) has no file that names the namespace; say it as "
          + "kubernetes-namespace")
    }
    return .kubernetes(
      StatefulSetPods.Settings(
        name: settings.statefulSet, namespace: namespace, port: settings.port),
      authority: host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)", account: account)
  }
}
