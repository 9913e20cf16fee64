import Candid
import Cluster
import HTTPTransport
import Logging
import Storage
import Testing
import WireProtocol

@testable import ScaledStorage

/// One node with a service, in memory, on a loop of its own.
final class ServiceNode {
  let loop: EventLoop
  let client: HTTPClient
  let runtime: NodeRuntime
  let server: NodeServer
  let address: SocketAddress

  init<Value>(
    _ service: CanisterManager<Value>, store: MemoryEngine = MemoryEngine(),
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  ) throws {
    loop = try EventLoop()
    client = HTTPClient(loop: loop)
    runtime = try NodeRuntime(
      service.application, loop: loop, store: store, access: AccessControl(Credentials(.random())),
      settings: NodeRuntime.Settings(), logger: logger)
    server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
    address = try server.listen(on: .loopback())
    runtime.address = address.description
    guard !runtime.isInitialised else { return }
    runtime.initialise(InitCanisterManagerParam(args: nil)) { [loop] _ in loop.stop() }
    loop.run()
    try #require(runtime.isInitialised)
  }

  func send(
    _ method: HTTPMethod, _ target: String, _ body: String = "",
    _ headers: [(name: String, value: String)] = []
  ) throws -> ClientResponse {
    let request = ClientRequest(
      method: method, target: target, headers: headers, body: Array(body.utf8))
    return try client.sendAndWait(request, to: address, deadline: .seconds(60))
  }

  /// Calls a method with arguments in Candid text; the results are text as well.
  func call(
    _ name: String, _ arguments: String, _ headers: [(name: String, value: String)] = []
  ) throws -> (status: Int, text: String) {
    let response = try send(.post, "/" + name, arguments, headers)
    return (response.status, response.text)
  }

  /// Ends the node in an orderly way.
  func stop() {
    server.shutdown(within: .seconds(10)) { [loop] in loop.stop() }
    loop.run()
  }
}

extension ClientResponse {
  /// The body without the line's end.
  var text: String {
    let text = String(decoding: body, as: UTF8.self)
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }
}
