package import HTTPTransport
package import WireProtocol

/// Which role a request needs at a node.
extension NodeServer {
  /// Lets a request pass whose sender may send it.
  /// - Throws: `Problem` as `AccessControl.admit`.
  func admit(_ exchange: Exchange, isKey: Bool) throws(Problem) {
    // The methods that control the node look at their callers themselves.
    guard let role = isKey ? Role.ofValue(exchange) : neededRole(exchange) else { return }
    guard role > .none else { return }
    try access.admit(
      exchange, as: role, to: "\(exchange.method) \(isKey ? "/kv" : "/" + exchange.methodName)")
  }

  private func neededRole(_ exchange: Exchange) -> Role? {
    if let interface = runtime.modules.interface,
      let place = exchange.withTarget({ path, _ in runtime.modules.method(at: path) })
    {
      return interface.methods[place].isQuery ? .read : .write
    }
    let name = exchange.methodName
    if let method = runtime.modules.interface?.method(named: name) {
      return method.isQuery ? .read : .write
    }
    if let method = application.methods[name] { return method.isQuery ? .read : .write }
    if ControlMethod(rawValue: name) != nil { return nil }
    return Role.ofPublicName(name)
  }
}

extension Role {
  /// What a request for the value of a key needs.
  package static func ofValue(_ exchange: Exchange) -> Role {
    exchange.method == .put || exchange.method == .delete ? .write : .read
  }

  /// What a look at the cluster needs. What is not known to be for anyone is not.
  package static func ofPublicName(_ name: String) -> Role {
    switch name {
    case "", "node_info", "openapi.json", "service.did", "whoami": .none
    default: .read
    }
  }
}
