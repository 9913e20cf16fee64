import Candid
import Gateway
import HTTPTransport
import ScaledStorageClient

/// Waits until all nodes have a module.
struct ModuleRoll {
  let connection: ClusterEngine
  /// Seconds to wait for the next node.
  let patience: Double

  private static let lookInterval = Duration.milliseconds(100)
  /// What a node refuses twice in a row is not only in its way for a moment.
  private static let mostAttempts: UInt64 = 2

  /// - Returns: how the modules stand when all nodes have the one with this digest; nil when the
  ///   server knows nothing of other nodes.
  /// - Throws: `CommandFailure` when it goes no further, with the reason.
  func wait(for digest: String) throws -> ModuleInfo? {
    var progress = ProgressDisplay("module", unit: "nodes")
    defer { progress.end() }
    var lastCount = 0
    var lastStep = MonotonicTime.current()
    while true {
      guard let info = try ModuleRoll.info(connection) else { return nil }
      guard info.wanted?.sha256 == digest else {
        throw CommandFailure(
          "the cluster has another module by now: \(info.wanted?.sha256 ?? "none")")
      }
      guard info.isRolling else { return info }
      let count = info.nodes.count { $0.sha256 == digest }
      if count != lastCount { (lastCount, lastStep) = (count, .current()) }
      if let halt = info.halt, halt.attempts >= ModuleRoll.mostAttempts {
        throw CommandFailure(ModuleRoll.text(halt, info))
      }
      guard (MonotonicTime.current() - lastStep).seconds < patience else {
        throw CommandFailure(ModuleRoll.waitingText(info))
      }
      progress.show("module \(ModuleRoll.countText(info))")
      connection.pause(ModuleRoll.lookInterval)
    }
  }

  /// What `module_info` says; nil when the server is a node.
  static func info(_ connection: ClusterEngine) throws(CommandFailure) -> ModuleInfo? {
    let reply = try connection.perform(.query("module_info"))
    if reply.status == 404 { return nil }
    return try reply.checked().result()
  }

  /// What `module_info` says.
  /// - Throws: `CommandFailure` also when the server is a node.
  static func gatewayInfo(_ connection: ClusterEngine) throws(CommandFailure) -> ModuleInfo {
    guard let info = try info(connection) else { throw askGateway }
    return info
  }

  static let askGateway = CommandFailure(
    "this is a node, which knows nothing of the cluster's modules; ask the gateway: "
      + "--url http://ADDRESS")

  static func text(_ halt: ModuleInfo.Halt, _ info: ModuleInfo) -> String {
    "the module goes no further than \(halt.node.text): \(halt.reason). "
      + "\(countText(info)); the others go on with what they have. It is tried again; "
      + "\"scaled-storage module rollback\" goes back"
  }

  static func waitingText(_ info: ModuleInfo) -> String {
    let waiting = info.nodes.filter { $0.sha256 != info.wanted?.sha256 }
    guard !waiting.isEmpty else { return "\(countText(info)), as they are about to confirm" }
    let names = waiting.prefix(3).map { "\($0.id.text) (\($0.state))" }.joined(separator: ", ")
    return "\(countText(info)); still without it: \(names). "
      + "They get it as soon as they answer"
  }

  static func countText(_ info: ModuleInfo) -> String {
    let count = info.nodes.count { $0.sha256 == info.wanted?.sha256 }
    return "\(count) of \(info.nodes.count) nodes have it"
  }
}

/// What `upload` and `module rollback` print.
struct ModuleOutcome: Encodable {
  var sha256: String
  var bytes: UInt64
  /// Nil when it was not waited for them.
  var nodes: Int?
  var methods: [String]?

  init(sha256: String, bytes: UInt64, _ info: ModuleInfo?) {
    self.sha256 = sha256
    self.bytes = bytes
    nodes = info?.nodes.count
    methods = info?.wanted?.methods.map(\.name)
  }

  /// - Parameter verb: what became of the module when nobody waited for it.
  func text(_ verb: String) -> String {
    let name = "module \(sha256.prefix(12)) (\(Figures.grouped(bytes)) bytes)"
    guard let nodes else { return "\(name) \(verb)\n" }
    var text = "\(name) is on \(nodes == 1 ? "the only node" : "all \(nodes) nodes")"
    if let methods, !methods.isEmpty {
      text += ": " + methods.prefix(20).joined(separator: ", ")
      if methods.count > 20 { text += " and \(methods.count - 20) more" }
    }
    return text + "\n"
  }
}
