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
    try self.init(call: method.routed, exchange, .passing(exchange, method: method.name))
  }
}
