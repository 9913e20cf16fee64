import Cluster
import ScaledStorage

/// A call of a method as it comes to a node: what HTTP carries of it.
struct ServiceCall: Sendable {
  var method: String
  /// The arguments, in binary Candid.
  var arguments: [UInt8]
  /// By lower-case name.
  var headers: [(name: String, value: String)]
  var isSecure: Bool

  func request(isUpdate: Bool) -> CallRequest {
    CallRequest(
      method: method, httpMethod: "POST", path: "/\(method)", isSecure: isSecure,
      isUpdate: isUpdate, fields: headers)
  }
}

extension NodeAnswer {
  /// An error is asked for again when its author says that this may help.
  static func failed(_ error: CallError) -> NodeAnswer { .refused(error) }
}
