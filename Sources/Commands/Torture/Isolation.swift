import Foundation
import Glibc

/// What of the machine a run has to itself, so that it can break it: a network, for cuts, and
/// mounts, for a disk that is full.
struct Isolation {
  var hasNetwork = false
  var hasMounts = false

  private static let network = "network"
  private static let mounts = "mounts"

  /// The isolation that the arguments of the hidden option name.
  init(_ names: [String] = []) {
    hasNetwork = names.contains(Isolation.network)
    hasMounts = names.contains(Isolation.mounts)
  }

  /// What cannot be done without.
  var missing: [String] {
    (hasNetwork ? [] : ["network cuts: this system allows no network namespace of one's own"])
      + (hasMounts ? [] : ["a full disk: this system allows no mounts of one's own"])
  }

  /// Starts the program again in namespaces of its own, as far as the system allows any. Returns
  /// when it allows none.
  static func enter() {
    var isolation = Isolation()
    isolation.hasNetwork = SystemTool.run(
      "unshare", ["--net", "sh", "-c", "ip link set lo up && " + moveLocalTable + " && " + probe])
    isolation.hasMounts = SystemTool.run(
      "unshare", ["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/tmp"])
    guard isolation.hasNetwork || isolation.hasMounts, let tool = SystemTool.path("unshare"),
      let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    else { return }
    var arguments = [tool]
    if isolation.hasNetwork { arguments.append("--net") }
    if isolation.hasMounts { arguments += ["--mount", "--propagation", "private"] }
    arguments += ["--", program] + CommandLine.arguments.dropFirst() + ["--isolation"]
    if isolation.hasNetwork { arguments.append(network) }
    if isolation.hasMounts { arguments.append(mounts) }
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    // Keeps the process and so its place in the terminal; comes back only when it fails.
    execv(tool, words)
    for word in words { free(word) }
  }

  // MARK: - The network

  /// Rules about ports have to come before the table that delivers what is for this machine.
  private static let moveLocalTable = "ip rule add pref 100 lookup local && ip rule del pref 0"
  private static let probe = "ip rule add pref 10 ipproto tcp dport 1 unreachable"

  /// Prepares the network namespace in which this process runs.
  func prepareNetwork() throws(CommandFailure) {
    guard hasNetwork else { return }
    guard SystemTool.run("sh", ["-c", "ip link set lo up && " + Isolation.moveLocalTable]) else {
      throw CommandFailure("the network namespace could not be prepared")
    }
  }

  enum Cut: CaseIterable {
    /// What is sent to the port is lost.
    case requests
    /// What the port answers is lost.
    case answers
    case both

    fileprivate var selectors: [String] {
      switch self {
      case .requests: ["dport"]
      case .answers: ["sport"]
      case .both: ["dport", "sport"]
      }
    }
  }

  /// Loses the packets from or to a port from now on, or no longer.
  static func setCut(_ cut: Cut, port: UInt16, isActive: Bool) -> Bool {
    var succeeded = true
    for selector in cut.selectors {
      let rule = ["pref", "10", "ipproto", "tcp", selector, "\(port)", "unreachable"]
      succeeded = SystemTool.run("ip", ["rule", isActive ? "add" : "del"] + rule) && succeeded
    }
    return succeeded
  }
}
