import Candid
import Cluster
import HTTPTransport
import Logging
import ScaledStorage
import Storage
import Testing
import WireProtocol

extension EventLoop {
  /// Runs until the condition holds; records an issue when it does not in a minute.
  func run(
    until what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: @escaping () -> Bool
  ) {
    let deadline = now + .seconds(60)
    func look() {
      if condition() || now > deadline { return stop() }
      schedule(after: .milliseconds(2), look)
    }
    look()
    if !condition() { run() }
    #expect(condition(), "\(what)", sourceLocation: sourceLocation)
  }
}

extension Logger {
  static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// A blank node that answers on the test's loop.
final class BlankNode {
  let address: String
  private let server: NodeServer
  private let runtime: NodeRuntime

  init(loop: EventLoop) throws {
    runtime = try NodeRuntime(
      .builtIn, loop: loop, store: MemoryEngine(),
      access: AccessControl(Credentials(.random())), settings: NodeRuntime.Settings(),
      logger: .silent)
    server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
    address = try server.listen(on: .loopback()).description
    runtime.address = address
  }
}
