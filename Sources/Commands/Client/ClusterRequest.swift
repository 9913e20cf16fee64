import HTTPTransport
import ScaledStorage
import WireProtocol

/// A request of a command.
struct ClusterRequest {
  var method = HTTPMethod.get
  /// Path and query, percent-encoded.
  var target: String
  var headers: [(name: String, value: String)] = []
  var body: [UInt8] = []
  /// Whether doing it twice is the same as doing it once, so that it is sent again when it is not
  /// known whether it was done.
  var isRepeatable = true

  /// The request for the value under `key`.
  static func get(_ key: [UInt8]) -> ClusterRequest {
    ClusterRequest(target: KeyTarget.path(of: key))
  }

  /// The request that stores `value` under `key`, whatever is there.
  static func put(_ key: [UInt8], _ value: [UInt8]) -> ClusterRequest {
    ClusterRequest(method: .put, target: KeyTarget.path(of: key), body: value)
  }

  /// A query without arguments, answered in binary Candid.
  static func query(_ name: String) -> ClusterRequest {
    ClusterRequest(target: "/" + name, headers: [("accept", "application/candid")])
  }
}

/// The answer to a request.
struct ClusterReply {
  let response: ClientResponse
  /// Whether an earlier attempt may have been carried out, unseen.
  let isUncertain: Bool

  var status: Int { response.status }
  var body: [UInt8] { response.body }
  var isSuccess: Bool { (200..<300).contains(status) }

  /// What the server says went wrong.
  var problem: ServerProblem {
    ServerProblem(
      status: status, contentType: response.header("content-type"), body: response.body)
  }

  /// The answer, unless it tells of a failure.
  /// - Throws: `CommandFailure` with the server's sentence.
  func checked() throws(CommandFailure) -> ClusterReply {
    guard isSuccess else { throw CommandFailure(problem.sentence) }
    return self
  }
}
