import Foundation
import Gateway
import HTTPTransport
import Launchers
import Logging

/// Makes the launcher that the settings ask for, whenever the gateway begins to lead.
struct LauncherFactory {
  private let scaling: ScalingSettings
  private let processes: ProcessLauncher.Settings
  private let loop: EventLoop
  private let tls: TLSContext?
  private let logger: Logger
  private var makePods: (() -> StatefulSetPods)?

  /// - Parameter processes: how nodes are started as processes of this machine; others are told the
  ///   same.
  /// - Throws: `ConfigurationError` for what is missing.
  init(
    _ scaling: ScalingSettings, processes: ProcessLauncher.Settings, loop: EventLoop,
    tls: TLSContext?, logger: Logger
  ) throws {
    self.scaling = scaling
    self.processes = processes
    self.loop = loop
    self.tls = tls
    self.logger = logger
    if case .kubernetes(let kubernetes) = scaling.launcher { makePods = try pods(kubernetes) }
  }

  /// Whether there is no node's data as yet, so that a cluster may be founded. Instances that
  /// others run tell by themselves whose they are.
  var isEmpty: Bool {
    if scaling.instances != nil { return true }
    return switch scaling.launcher {
    case .process:
      ProcessLauncher(loop: loop, settings: processes, logger: logger).isEmpty
    case .docker(let docker): manager(docker).isEmpty
    case .systemd(let systemd): manager(systemd).isEmpty
    case .kubernetes: true
    }
  }

  func launcher(for coordinator: Coordinator) -> any Launcher {
    if let names = scaling.instances {
      return pool(
        InstancePool(names: names, loop: loop, tls: tls, logger: logger), for: coordinator)
    }
    switch scaling.launcher {
    case .docker(let docker): return managed(manager(docker))
    case .systemd(let systemd): return managed(manager(systemd))
    case .kubernetes:
      guard let makePods else { break }
      return pool(
        InstancePool(source: makePods(), loop: loop, tls: tls, logger: logger), for: coordinator)
    case .process: break
    }
    return ProcessLauncher(loop: loop, settings: processes, logger: logger)
  }

  private func pool(_ pool: InstancePool, for coordinator: Coordinator) -> InstancePool {
    pool.cluster = coordinator
    return pool
  }

  private func manager(_ docker: LauncherSettings.Docker) -> DockerManager {
    DockerManager(containers(docker), loop: loop)
  }

  private func manager(_ systemd: LauncherSettings.Systemd) -> SystemdManager {
    SystemdManager(
      SystemdManager.Settings(
        template: systemd.unit, directory: systemd.data, firstPort: systemd.port,
        systemctl: systemd.systemctl, environment: processes.environment), loop: loop)
  }

  private func managed(_ manager: any InstanceManager) -> ManagedLauncher {
    ManagedLauncher(manager: manager, loop: loop, tls: tls, logger: logger)
  }

  /// Containers are told what processes are. The files that this names are theirs as well, but for
  /// the one that they write.
  private func containers(_ docker: LauncherSettings.Docker) -> DockerSettings {
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
  private func pods(
    _ settings: LauncherSettings.Kubernetes
  ) throws -> () -> StatefulSetPods {
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
    let authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    return { [loop, logger] in
      StatefulSetPods(
        StatefulSetPods.Settings(
          name: settings.statefulSet, namespace: namespace, port: settings.port),
        api: KubernetesAPI(authority: authority, account: account, loop: loop),
        loop: loop, logger: logger)
    }
  }
}
