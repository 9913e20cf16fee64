import Foundation
import Gateway
import HTTPTransport
import Launchers
import Logging

/// Makes the launcher that the settings ask for.
struct LauncherFactory {
  let settings: ServiceSettings
  let loop: EventLoop
  let tls: TLSContext?
  let logger: Logger

  /// - Parameter processes: how nodes are started as processes of this machine; others are told the
  ///   same.
  /// - Throws: `ConfigurationError` for what is missing.
  func launcher(
    _ scaling: ScalingSettings, processes: ProcessLauncher.Settings
  ) throws -> any Launcher {
    if let names = scaling.instances {
      return InstancePool(names: names, loop: loop, tls: tls, logger: logger)
    }
    switch scaling.launcher {
    case .process:
      return ProcessLauncher(loop: loop, settings: processes, logger: logger)
    case .docker(let docker):
      return managed(DockerManager(containers(docker, processes), loop: loop))
    case .systemd(let systemd):
      let units = SystemdManager.Settings(
        template: systemd.unit, directory: systemd.data, systemctl: systemd.systemctl,
        environment: processes.environment)
      return managed(SystemdManager(units, loop: loop))
    case .kubernetes(let kubernetes):
      return InstancePool(
        source: try pods(kubernetes), loop: loop, tls: tls, logger: logger)
    }
  }

  private func managed(_ manager: any InstanceManager) -> ManagedLauncher {
    ManagedLauncher(manager: manager, loop: loop, tls: tls, logger: logger)
  }

  /// Containers are told what processes are. The files that this names are theirs as well, but for
  /// the one that they write.
  private func containers(
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
  private func pods(_ settings: LauncherSettings.Kubernetes) throws -> StatefulSetPods {
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
    return StatefulSetPods(
      StatefulSetPods.Settings(
        name: settings.statefulSet, namespace: namespace, port: settings.port),
      api: KubernetesAPI(
        authority: host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)",
        account: account, loop: loop),
      loop: loop, logger: logger)
  }
}
