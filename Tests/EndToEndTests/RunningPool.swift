import Foundation
import HTTPTransport

/// Processes `node` that the test runs, as a service manager does, and gateways that make members
/// of them: one, or with etcd several.
final class RunningPool {
  private let directory: URL
  private let program = RunningCluster.program("scaled-storage")
  private var nodes: [pid_t]
  private var gateways: [pid_t?]
  private let ports: [UInt16]
  private(set) var addresses: [SocketAddress]
  /// What gateways and nodes are told of etcd.
  var etcd: [String]

  /// That of the first gateway.
  var address: SocketAddress { addresses[0] }

  private var credential: String { directory.path + "/credential" }

  init(_ count: Int, gateways gatewayCount: Int = 1, etcd: [String] = []) throws {
    self.etcd = etcd
    gateways = Array(repeating: nil, count: gatewayCount)
    addresses = Array(repeating: .loopback(), count: gatewayCount)
    directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("scaled-storage-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try Data((String(repeating: "c", count: 32) + "\n").utf8).write(
      to: URL(fileURLWithPath: directory.path + "/credential"))
    nodes = Array(repeating: 0, count: count)
    ports = try (0..<count).map { _ in try RunningPool.freePort() }
    for index in nodes.indices { try startNode(index) }
    for index in gateways.indices { try startGateway(index) }
  }

  /// A port that nobody listens on now; the node that gets it keeps it over its restarts.
  static func freePort() throws -> UInt16 {
    let loop = try EventLoop()
    let server = HTTPServer(loop: loop, handler: Nobody())
    return try server.listen(on: .loopback()).port
  }

  private final class Nobody: RequestHandler {
    func handle(_ exchange: Exchange) -> Disposition { .done }
  }

  func startNode(_ index: Int) throws {
    nodes[index] = try spawn(
      [
        "node", "--data", directory.path + "/node-\(index)", "--listen",
        "127.0.0.1:\(ports[index])", "--credential-file", credential,
      ] + etcd, name: "node-\(index)")
  }

  /// Where a gateway's data are.
  func data(ofGateway index: Int) -> String { directory.path + "/gateway-\(index)" }

  func startGateway(_ index: Int = 0) throws {
    let name = "gateway-\(index)"
    let output = directory.path + "/\(name).out"
    try? FileManager.default.removeItem(atPath: output)
    let names = ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
    let listen = addresses[index].port == 0 ? "127.0.0.1:0" : addresses[index].description
    let process = try spawn(
      [
        "gateway", "--data", data(ofGateway: index), "--listen", listen,
        "--credential-file", credential, "--nodes", names, "--forward", "proxy",
      ] + etcd, name: name)
    gateways[index] = process
    while true {
      let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
      if text.hasSuffix("\n"), let range = text.range(of: "http") {
        let url = String(text[range.lowerBound...].prefix { $0 != " " })
        addresses[index] = try HTTPEndpoint(url).resolve()
        return
      }
      guard waitpid(process, nil, WNOHANG) == 0 else {
        gateways[index] = nil
        throw ClusterFailure("the gateway ended before it was ready: \(log)")
      }
      usleep(2_000)
    }
  }

  private func spawn(_ arguments: [String], name: String) throws -> pid_t {
    try ProcessWatcher.spawn(
      executable: program.path, arguments: arguments,
      environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
      standardOutput: .file(directory.path + "/\(name).out"),
      standardError: .file(directory.path + "/\(name).log"))
  }

  /// kill -9 of a node.
  func killNode(_ index: Int) { end(nodes[index]) }

  /// kill -9 of a gateway.
  func killGateway(_ index: Int = 0) {
    if let gateway = gateways[index] { end(gateway) }
    gateways[index] = nil
  }

  /// Ends a gateway in order.
  func stopGateway(_ index: Int) {
    guard let gateway = gateways[index] else { return }
    kill(gateway, SIGTERM)
    while waitpid(gateway, nil, 0) < 0, errno == EINTR {}
    gateways[index] = nil
  }

  /// Lets a gateway stand still, or go on.
  func pauseGateway(_ index: Int, _ isPaused: Bool) {
    if let gateway = gateways[index] { kill(gateway, isPaused ? SIGSTOP : SIGCONT) }
  }

  private func end(_ process: pid_t) {
    kill(process, SIGKILL)
    while waitpid(process, nil, 0) < 0, errno == EINTR {}
  }

  /// Whether the node's process is the one that was started, be it with another program image.
  func isRunning(_ index: Int) -> Bool { waitpid(nodes[index], nil, WNOHANG) == 0 }

  func address(of index: Int) -> SocketAddress { .loopback(port: ports[index]) }

  /// What the first gateway logged.
  var log: String {
    (try? String(contentsOfFile: directory.path + "/gateway-0.log", encoding: .utf8)) ?? ""
  }

  /// Runs the program's command against a gateway and returns its exit status.
  func run(_ arguments: [String], at gateway: Int = 0) throws -> Int32 {
    try runAlone(
      arguments + ["--url", "http://\(addresses[gateway])", "--credential-file", credential])
  }

  /// Runs the program's command and returns its exit status.
  func runAlone(_ arguments: [String]) throws -> Int32 {
    let process = try spawn(arguments, name: "command")
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    guard status != 0 else { return 0 }
    // What a test that fails on it needs to be understood.
    for name in ["command.out", "command.log"] {
      let text = (try? String(contentsOfFile: directory.path + "/" + name, encoding: .utf8)) ?? ""
      print("\(arguments.prefix(3).joined(separator: " ")): \(text)")
    }
    return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
  }

  func remove() {
    for index in gateways.indices { killGateway(index) }
    for index in nodes.indices where isRunning(index) { killNode(index) }
    try? FileManager.default.removeItem(at: directory)
  }
}
