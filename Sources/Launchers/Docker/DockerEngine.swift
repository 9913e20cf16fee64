import Cluster
import FoundationEssentials
import HTTPTransport

/// The calls of the Docker Engine API (1.41) that are needed, on its unix socket.
final class DockerEngine {
  typealias Completion = (Result<Void, ClusterError>) -> Void

  private let client: LocalHTTPClient
  private let path: String

  private static let deadline = Duration.seconds(10)
  /// Making a container, and removing one, can take the engine a while.
  private static let longDeadline = Duration.seconds(60)

  init(path: String, loop: EventLoop) {
    self.path = path
    client = LocalHTTPClient(path: path, loop: loop)
  }

  // MARK: - Looking

  func containers(
    label: String, _ completion: @escaping (Result<[ContainerSummary], ClusterError>) -> Void
  ) {
    let target = "/containers/json?all=true&" + DockerEngine.filter(label: label)
    get(target, as: [ContainerSummary].self) { completion($0.map { $0 ?? [] }) }
  }

  /// The container of this name; nil when there is none.
  func container(
    _ name: String, _ completion: @escaping (Result<ContainerDetails?, ClusterError>) -> Void
  ) {
    get("/containers/\(name)/json", as: ContainerDetails.self, completion)
  }

  func volume(
    _ name: String, _ completion: @escaping (Result<VolumeRecord?, ClusterError>) -> Void
  ) {
    get("/volumes/\(name)", as: VolumeRecord.self, completion)
  }

  /// Whether there is a volume with this label. Waits for the answer; nil without one.
  func hasVolume(label: String) -> Bool? {
    let exchange = LocalExchange(
      path: path, method: .get,
      target: DockerEngine.version + "/volumes?" + DockerEngine.filter(label: label),
      limit: .seconds(5))
    guard let response = try? exchange.perform(), response.status == 200,
      let list = try? JSONDecoder().decode(VolumeList.self, from: Data(response.body))
    else { return nil }
    return list.volumes?.isEmpty == false
  }

  // MARK: - Changing

  /// Makes a container. Succeeds with false when there is one of that name.
  func create(
    _ name: String, _ order: ContainerOrder,
    _ completion: @escaping (Result<Bool, ClusterError>) -> Void
  ) {
    post("/containers/create?name=\(name)", order) { result in
      completion(
        result.flatMap { response in
          if response.status == 201 { return .success(true) }
          // podman says so with the status 500.
          let message = DockerEngine.message(response)
          let isTaken = response.status == 409 || message.contains("already in use")
          return isTaken ? .success(false) : .failure(DockerEngine.error(response))
        })
    }
  }

  /// Makes a volume, unless there is one of that name.
  func createVolume(_ volume: VolumeRecord, _ completion: @escaping Completion) {
    post("/volumes/create", volume) { result in
      completion(DockerEngine.check(result, accepted: [200, 201, 409]))
    }
  }

  func start(_ name: String, _ completion: @escaping Completion) {
    change(.post, "/containers/\(name)/start", accepted: [204, 304], completion)
  }

  /// Ends a container, which may take as long as said; one that does not run is no failure.
  func stop(_ name: String, within limit: Duration, _ completion: @escaping Completion) {
    let seconds = max(1, limit.components.seconds)
    change(
      .post, "/containers/\(name)/stop?t=\(seconds)", accepted: [204, 304, 404],
      deadline: limit + DockerEngine.longDeadline, completion)
  }

  func kill(_ name: String, _ completion: @escaping Completion) {
    change(.post, "/containers/\(name)/kill", accepted: [204, 404, 409], completion)
  }

  /// Removes a container that has ended.
  func remove(_ name: String, _ completion: @escaping Completion) {
    change(
      .delete, "/containers/\(name)", accepted: [200, 204, 404],
      deadline: DockerEngine.longDeadline, completion)
  }

  func removeVolume(_ name: String, _ completion: @escaping Completion) {
    change(
      .delete, "/volumes/\(name)", accepted: [200, 204, 404],
      deadline: DockerEngine.longDeadline, completion)
  }

  // MARK: - Requests

  private static let version = "/v1.41"

  /// `filters={"label":["…"]}`, percent-encoded; labels are made of harmless characters.
  private static func filter(label: String) -> String {
    "filters=%7B%22label%22%3A%5B%22\(label)%22%5D%7D"
  }

  private func get<Value: Decodable>(
    _ target: String, as type: Value.Type,
    _ completion: @escaping (Result<Value?, ClusterError>) -> Void
  ) {
    client.send(.get, DockerEngine.version + target, deadline: DockerEngine.deadline) { result in
      completion(
        DockerEngine.plain(result).flatMap { response in
          if response.status == 404 { return .success(nil) }
          guard response.status == 200 else { return .failure(DockerEngine.error(response)) }
          guard let value = try? JSONDecoder().decode(type, from: Data(response.body)) else {
            return .failure(
              ClusterError(.malformed, "the container engine's answer to \(target) is not known"))
          }
          return .success(value)
        })
    }
  }

  private func post(
    _ target: String, _ body: some Encodable,
    _ completion: @escaping (Result<ClientResponse, ClusterError>) -> Void
  ) {
    let bytes = (try? JSONEncoder().encode(body)).map { Array($0) } ?? []
    client.send(
      .post, DockerEngine.version + target, body: bytes, deadline: DockerEngine.longDeadline
    ) { completion(DockerEngine.plain($0)) }
  }

  private func change(
    _ method: HTTPMethod, _ target: String, accepted: Set<Int>,
    deadline: Duration = DockerEngine.deadline, _ completion: @escaping Completion
  ) {
    client.send(method, DockerEngine.version + target, deadline: deadline) { result in
      completion(DockerEngine.check(DockerEngine.plain(result), accepted: accepted))
    }
  }

  private static func check(
    _ result: Result<ClientResponse, ClusterError>, accepted: Set<Int>
  ) -> Result<Void, ClusterError> {
    result.flatMap { response in
      accepted.contains(response.status) ? .success(()) : .failure(error(response))
    }
  }

  private static func plain(
    _ result: Result<ClientResponse, TransportError>
  ) -> Result<ClientResponse, ClusterError> {
    result.mapError { error in
      ClusterError(
        .overloaded,
        "the container engine does not answer (\(error.message)); see docker-socket")
    }
  }

  private static func message(_ response: ClientResponse) -> String {
    let problem = try? JSONDecoder().decode(EngineProblem.self, from: Data(response.body))
    return problem?.message ?? String(decoding: response.body.prefix(200), as: UTF8.self)
  }

  private static func error(_ response: ClientResponse) -> ClusterError {
    ClusterError(
      .conflict,
      "the container engine refuses with status \(response.status): \(message(response))")
  }
}
