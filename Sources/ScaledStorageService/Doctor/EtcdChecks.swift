import Etcd
import HTTPTransport

/// Whether the members of etcd answer, each by itself. Nothing is changed.
struct EtcdChecks {
  private let place: EtcdPlace
  private let settings: EtcdSettings
  private let loop: EventLoop

  /// Longer than an election takes.
  private static let deadline = Duration.seconds(6)

  /// - Throws: `ConfigurationError` when the certificates cannot be used, `TransportError` when no
  ///   connection can be made at all.
  init(_ place: EtcdPlace) throws {
    self.place = place
    settings = try place.settings()
    loop = try EventLoop()
  }

  func findings() -> [Finding] {
    place.endpoints.map { endpoint in
      switch ask(endpoint) {
      case .success(let range):
        .good(
          "etcd",
          range.entries.isEmpty
            ? "\(endpoint) answers; no gateway leads the cluster \"\(place.cluster)\" there"
            : "\(endpoint) answers, and knows the gateway that leads")
      case .failure(let error):
        .error(
          "etcd", error.message,
          mend: EtcdChecks.mend(error))
      }
    }
  }

  private func ask(_ endpoint: String) -> Result<EtcdRange, EtcdError> {
    var one = settings
    one.endpoints = [endpoint]
    one.callDeadline = EtcdChecks.deadline
    let client = EtcdClient(loop: loop, settings: one)
    defer { client.shutdown() }
    var answer: Result<EtcdRange, EtcdError>?
    client.range(place.keys.leader) { [loop] in
      answer = $0
      loop.stop()
    }
    loop.run()
    return answer ?? .failure(EtcdError(.cancelled, "\(endpoint) was not asked to the end"))
  }

  private static func mend(_ error: EtcdError) -> String {
    switch error.code {
    case .unauthenticated: "name a certificate that etcd trusts by etcd-certificate and etcd-key"
    case .protocolViolation: "name etcd's client port, which is 2379 as a rule, by etcd"
    default:
      "start the member, look whether most members run, or correct the setting etcd and, with "
        + "https, etcd-ca and etcd-certificate"
    }
  }
}
