import Cluster
package import HTTPTransport
package import WireProtocol

extension KeyedRequest {
  /// Reads a call of a module's method, for a program that only passes it on. The key of a call
  /// without one is empty.
  /// - Throws: `Problem` for arguments or headers that cannot be read.
  package init(
    module method: ModuleInterface.Method, _ exchange: Exchange
  ) throws(Problem) {
    let isGet = exchange.method == .get || exchange.method == .head
    guard isGet, method.isQuery, method.takesNothing else {
      try self.init(call: method.routed, exchange)
      return
    }
    let call = KeyedCall(key: [], command: .get) { (_, _, _) throws(Problem) in
      throw Problem(500, "unexpected_reply", "\(method.name) runs at nodes only")
    }
    try self.init(call, exchange, given: .json)
  }
}
