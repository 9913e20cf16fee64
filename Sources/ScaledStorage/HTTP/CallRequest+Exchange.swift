import Candid
package import HTTPTransport

extension CallRequest {
  /// - Parameter method: nil for a request for a value.
  init(_ exchange: Exchange, method: String?, isUpdate: Bool) {
    self.init(
      method: method, httpMethod: exchange.method.description,
      path: String(decoding: exchange.path, as: UTF8.self), isSecure: exchange.isSecure,
      isUpdate: isUpdate, fields: RequestFields(exchange))
    deadline = exchange.deadline
  }
}

extension CallSetting {
  /// For a program that only passes the call on.
  package static func passing(_ exchange: Exchange, method: String) -> CallSetting {
    CallSetting(
      request: CallRequest(
        method: method, httpMethod: "", path: "", isSecure: exchange.isSecure, isUpdate: false),
      node: .anonymous, now: 0, maximumValueBytes: 0)
  }
}
