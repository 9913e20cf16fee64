package import HTTPTransport
package import WireProtocol

/// A request to a cluster.
package struct ClusterRequest {
  package var method: HTTPMethod
  /// Path and query, percent-encoded.
  package var target: String
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// Whether doing it twice is the same as doing it once, so that it is sent again when it is not
  /// known whether it was done.
  package var isRepeatable: Bool
  /// Whether it changes nothing, whatever its method.
  package var isRead: Bool
  /// What it is about, where an owner of its own answers.
  package var key: [UInt8]?

  package init(
    method: HTTPMethod = .get, target: String, headers: [(name: String, value: String)] = [],
    body: [UInt8] = [], isRepeatable: Bool = true, key: [UInt8]? = nil
  ) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    self.isRepeatable = isRepeatable
    self.key = key
    isRead = method == .get || method == .head
  }

  /// The request for the value under `key`.
  package static func get(_ key: [UInt8]) -> ClusterRequest {
    ClusterRequest(target: KeyTarget.path(of: key), key: key)
  }

  /// The request that stores `value` under `key`, whatever is there.
  package static func put(_ key: [UInt8], _ value: [UInt8]) -> ClusterRequest {
    ClusterRequest(method: .put, target: KeyTarget.path(of: key), body: value, key: key)
  }

  /// A query without arguments, answered in binary Candid.
  package static func query(_ name: String) -> ClusterRequest {
    ClusterRequest(target: "/" + name, headers: [("accept", "application/candid")])
  }
}

/// The answer to a request.
package struct ClusterReply {
  package let response: ClientResponse
  /// Whether an earlier attempt may have been carried out, unseen.
  package let isUncertain: Bool

  package init(response: ClientResponse, isUncertain: Bool) {
    self.response = response
    self.isUncertain = isUncertain
  }

  package var status: Int { response.status }
  package var body: [UInt8] { response.body }
  package var isSuccess: Bool { (200..<300).contains(status) }

  /// What the server says went wrong.
  package var problem: ServerProblem {
    ServerProblem(
      status: status, contentType: response.header("content-type"), body: response.body)
  }
}
