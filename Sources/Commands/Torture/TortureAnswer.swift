import Cluster
import ClusterTestKit
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import WireProtocol

/// What an answer over HTTP, or its absence, says about a request on a key.
enum TortureAnswer: Equatable {
  case outcome(KeyOperation.Outcome)
  /// An answer that the interface does not have.
  case broken(String)

  init(_ result: Result<ClientResponse, TransportError>, to command: KeyOperation.Command) {
    switch result {
    case .failure(let error):
      self = .outcome(error.isRetryable ? .notDone : .unknown)
    case .success(let response):
      self = TortureAnswer.read(response, command)
    }
  }

  private static func read(
    _ response: ClientResponse, _ command: KeyOperation.Command
  ) -> TortureAnswer {
    let version = response.header("etag").flatMap { EntityTag.version($0)?.rawValue }
    switch (command, response.status) {
    case (.get, 200):
      guard let version, let value = TorturedKey.value(of: response.body) else {
        return .broken("a read was answered with \(response.body.count) bytes that nobody wrote")
      }
      return .outcome(.value(value, version: version))
    case (.put, 200), (.put, 201):
      guard let version else { return .broken("a write was answered without an etag") }
      return .outcome(.stored(version: version, created: response.status == 201))
    case (.delete, 204):
      return .outcome(.deleted(version: nil))
    case (.put, 412), (.delete, 412):
      return .outcome(.preconditionFailed(current: version))
    case (.get, 404), (.delete, 404):
      if response.header("ss-error") == "not_found" { return .outcome(.missing) }
      return read(ClusterReply(response: response, isUncertain: false).problem)
    case (_, 307):
      return .outcome(.notDone)
    default:
      return read(ClusterReply(response: response, isUncertain: false).problem)
    }
  }

  private static func read(_ problem: ServerProblem) -> TortureAnswer {
    switch (problem.status, problem.code) {
    case _ where problem.isRetryable, (_, "stale_epoch"), (_, "too_many_hops"), (_, "unknown_node"):
      .outcome(.notDone)
    case (500..., _):
      .outcome(.unknown)
    default:
      .broken("a request was answered: \(problem.sentence)")
    }
  }
}
