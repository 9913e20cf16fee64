import Cluster
import FoundationEssentials
package import HTTPTransport

/// The calls of the Kubernetes API that are needed, over HTTP/2 within TLS.
package final class KubernetesAPI {
  typealias Answer<Value> = (Result<Value, ClusterError>) -> Void

  private let authority: String
  private let account: ServiceAccount
  private let client: HTTPClient
  private let names: AddressBook
  private var watch: RequestID?

  private static let deadline = Duration.seconds(10)
  /// The longest time that the server keeps a watch.
  private static let watchSeconds = 240
  private static let mostLine = 4 << 20
  /// A list of all pods that a cluster can have.
  private static let mostBytes = 64 << 20

  /// - Parameter authority: where the API server is, as `HOST:PORT`.
  package init(authority: String, account: ServiceAccount, loop: EventLoop) {
    self.authority = authority
    self.account = account
    var limits = ClientLimits()
    limits.maxBodyBytes = KubernetesAPI.mostBytes
    client = HTTPClient(loop: loop, limits: limits, tls: account.tls)
    names = AddressBook(loop: loop)
  }

  // MARK: - Pods

  func pods(_ namespace: String, selector: String, _ completion: @escaping Answer<PodList>) {
    let target =
      "/api/v1/namespaces/\(namespace)/pods?labelSelector=" + KubernetesAPI.escaped(selector)
    send(.get, target) { completion($0.flatMap { KubernetesAPI.decode($0, target) }) }
  }

  /// Asks a pod to end; its StatefulSet makes it again.
  func deletePod(_ name: String, _ namespace: String, _ completion: @escaping Answer<Void>) {
    send(.delete, "/api/v1/namespaces/\(namespace)/pods/\(name)") { completion($0.map { _ in }) }
  }

  /// Follows the pods from a version on.
  ///
  /// - Parameters:
  ///   - onEvent: called with each event, in order.
  ///   - onEnd: called once. Success is the end of the time that the server gives a watch; with
  ///     code `.staleEpoch` the version is too old, and all has to be listed again.
  func watchPods(
    _ namespace: String, selector: String, from version: String,
    onEvent: @escaping (PodEvent) -> Void, onEnd: @escaping Answer<Void>
  ) {
    let target =
      "/api/v1/namespaces/\(namespace)/pods?watch=true&allowWatchBookmarks=true"
      + "&timeoutSeconds=\(KubernetesAPI.watchSeconds)&resourceVersion=\(version)"
      + "&labelSelector=" + KubernetesAPI.escaped(selector)
    resolve { [self] address in
      guard let address else { return onEnd(.failure(unresolved)) }
      var lines = LineBuffer(most: KubernetesAPI.mostLine)
      var failure: ClusterError?
      watch = client.stream(
        request(.get, target), to: address, deadline: KubernetesAPI.deadline,
        onBytes: { [weak self] bytes in
          guard failure == nil, let self else { return }
          lines.append(bytes)
          while failure == nil, let line = lines.next() {
            guard let event = try? JSONDecoder().decode(PodEvent.self, from: Data(line)) else {
              // The body of an error.
              failure = ClusterError(.malformed, KubernetesAPI.message(line))
              return
            }
            if event.type == .error {
              failure = ClusterError(.staleEpoch, "the watch is too old")
            } else {
              onEvent(event)
            }
          }
          if lines.isOverfull { failure = ClusterError(.malformed, "the watch sends no lines") }
          if failure != nil, let watch { client.cancel(watch) }
        },
        onEnd: { result in
          if let failure { return onEnd(.failure(failure)) }
          onEnd(
            KubernetesAPI.plain(result).flatMap { response in
              switch response.status {
              case 200: .success(())
              case 410: .failure(ClusterError(.staleEpoch, "the watch is too old"))
              default: .failure(KubernetesAPI.error(response, target))
              }
            })
        })
    }
  }

  // MARK: - Scaling

  func scale(
    _ statefulSet: String, _ namespace: String, _ completion: @escaping Answer<Scale>
  ) {
    let target = KubernetesAPI.scaleTarget(statefulSet, namespace)
    send(.get, target) { completion($0.flatMap { KubernetesAPI.decode($0, target) }) }
  }

  /// Replaces the scale; fails when it was changed since it was read.
  func replace(
    _ scale: Scale, of statefulSet: String, _ namespace: String,
    _ completion: @escaping Answer<Scale>
  ) {
    let target = KubernetesAPI.scaleTarget(statefulSet, namespace)
    let body = (try? JSONEncoder().encode(scale)).map { Array($0) } ?? []
    send(.put, target, body: body) { completion($0.flatMap { KubernetesAPI.decode($0, target) }) }
  }

  private static func scaleTarget(_ statefulSet: String, _ namespace: String) -> String {
    "/apis/apps/v1/namespaces/\(namespace)/statefulsets/\(statefulSet)/scale"
  }

  func shutdown() { client.shutdown() }

  // MARK: - Requests

  private func request(_ method: HTTPMethod, _ target: String, body: [UInt8] = []) -> ClientRequest
  {
    var headers = [(name: "accept", value: "application/json")]
    if !body.isEmpty { headers.append(("content-type", "application/json")) }
    if let token = account.token { headers.append(("authorization", "Bearer " + token)) }
    return ClientRequest(
      method: method, target: target, headers: headers, body: body, authority: authority)
  }

  private func send(
    _ method: HTTPMethod, _ target: String, body: [UInt8] = [],
    _ completion: @escaping Answer<ClientResponse>
  ) {
    resolve { [self] address in
      guard let address else { return completion(.failure(unresolved)) }
      client.send(
        request(method, target, body: body), to: address, deadline: KubernetesAPI.deadline
      ) { [names, authority] result in
        if case .failure = result { names.forget(authority) }
        completion(
          KubernetesAPI.plain(result).flatMap { response in
            (200..<300).contains(response.status)
              ? .success(response) : .failure(KubernetesAPI.error(response, target))
          })
      }
    }
  }

  private func resolve(_ body: @escaping (SocketAddress?) -> Void) {
    names.find(authority) { [weak self] address in
      guard let self else { return }
      // A certificate has either the address or the name.
      if let address, let host = try? HTTPEndpoint("https://\(authority)/").host,
        (try? SocketAddress(authority)) == nil
      {
        client.expect(name: host, at: address)
      }
      body(address)
    }
  }

  private var unresolved: ClusterError {
    ClusterError(.overloaded, "\(authority), the API server, has no address")
  }

  private static func decode<Value: Decodable>(
    _ response: ClientResponse, _ target: String
  ) -> Result<Value, ClusterError> {
    guard let value = try? JSONDecoder().decode(Value.self, from: Data(response.body)) else {
      return .failure(
        ClusterError(.malformed, "the API server's answer to \(target) is not known"))
    }
    return .success(value)
  }

  private static func plain(
    _ result: Result<ClientResponse, TransportError>
  ) -> Result<ClientResponse, ClusterError> {
    result.mapError {
      ClusterError(.overloaded, "the API server does not answer: \($0.message)")
    }
  }

  private static func message(_ body: some Collection<UInt8>) -> String {
    let status = try? JSONDecoder().decode(APIStatus.self, from: Data(body))
    return status?.message ?? String(decoding: body.prefix(200), as: UTF8.self)
  }

  private static func error(_ response: ClientResponse, _ target: String) -> ClusterError {
    ClusterError(
      response.status == 409 ? .staleEpoch : .conflict,
      "the API server answers \(target.prefix { $0 != "?" }) with status \(response.status): "
        + message(response.body))
  }

  /// A query's value, percent-encoded (RFC 3986 section 2.1).
  static func escaped(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        bytes.append(byte)
      default:
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Cuts what comes into lines.
struct LineBuffer {
  private var bytes: [UInt8] = []
  private var start = 0
  private let most: Int

  init(most: Int) {
    self.most = most
  }

  /// A line is longer than any can be.
  var isOverfull: Bool { bytes.count - start > most }

  mutating func append(_ more: [UInt8]) {
    if start > 0 {
      bytes.removeFirst(start)
      start = 0
    }
    bytes += more
  }

  /// The next whole line, without its end.
  mutating func next() -> ArraySlice<UInt8>? {
    guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    let line = bytes[start..<end]
    start = end + 1
    return line
  }
}
