import Foundation
import Glibc

/// What a gateway needs of who runs its nodes. Nothing is changed or asked for.
struct LauncherChecks {
  let launcher: LauncherSettings
  let environment: [String: String]

  /// Nil where the gateway needs nothing but itself.
  func finding() -> Finding? {
    switch launcher {
    case .process: nil
    case .docker(let docker): socket(docker.socket)
    case .systemd(let systemd): program(systemd.systemctl)
    case .kubernetes(let kubernetes): account(kubernetes)
    }
  }

  private func socket(_ path: String) -> Finding {
    var status = stat()
    guard stat(path, &status) == 0 else {
      return .error(
        "launcher", "docker-socket is \(path): \(String(cString: strerror(errno)))",
        mend: "start the container engine, or name its socket by docker-socket")
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      return .error(
        "launcher", "docker-socket is \(path), which is no socket",
        mend: "name the container engine's by docker-socket")
    }
    guard access(path, R_OK | W_OK) == 0 else {
      return .error(
        "launcher", "\(path) cannot be used by this user (\(String(cString: strerror(errno))))",
        mend: "put the user that runs the service into the group of the socket")
    }
    return .good("launcher", "\(path) is a socket that this user may use")
  }

  private func program(_ path: String) -> Finding {
    guard access(path, X_OK) == 0 else {
      return .error(
        "launcher", "systemctl is \(path): \(String(cString: strerror(errno)))",
        mend: "name the program by systemctl, or let another launcher run the nodes")
    }
    return .good("launcher", "\(path) can be run")
  }

  private func account(_ kubernetes: LauncherSettings.Kubernetes) -> Finding {
    let missing = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"].first {
      environment[$0] == nil
    }
    guard missing == nil else {
      return .error(
        "launcher", "launcher is kubernetes, and \(missing ?? "") is not set",
        mend: "run this in the gateway's pod; elsewhere name another launcher")
    }
    let files = ["token", "ca.crt"] + (kubernetes.namespace == nil ? ["namespace"] : [])
    for file in files.map({ kubernetes.account + "/" + $0 }) where access(file, R_OK) != 0 {
      return .error(
        "launcher", "\(file) cannot be read: \(String(cString: strerror(errno)))",
        mend: "give the gateway's pod a service account (deploy/kubernetes/elastic), or name its "
          + "directory by kubernetes-account")
    }
    return .good("launcher", "the service account's files are there")
  }
}
