import Candid
import HTTPTransport
import ScaledStorageClient
import WireProtocol

/// Asks a gateway and all nodes for what they take a credential.
struct CredentialSurvey {
  /// What a program makes of a credential.
  enum State: Hashable {
    case used, accepted, refused
    case unknown(String)

    var text: String {
      switch self {
      case .used: "used"
      case .accepted: "accepted"
      case .refused: "refused"
      case .unknown(let reason): reason
      }
    }
  }

  private let cluster: ClusterOptions
  private let connection: ClusterEngine
  private static let interval = Duration.milliseconds(200)

  /// - Parameter credential: a valid one, by which nodes are found.
  init(_ cluster: ClusterOptions, by credential: Credential) throws {
    self.cluster = cluster
    connection = try cluster.connect(credential: credential)
  }

  /// What each program makes of a credential, the one that was named first.
  func states(of credential: Credential) throws -> [(place: String, state: State)] {
    let asking = try cluster.connect(credential: credential)
    let origin = connection.settings.endpoint.authority
    var states = [(origin, CredentialSurvey.state(at: nil, asking))]
    let reply = try connection.perform(.query("nodes"))
    // A node knows of itself only.
    if reply.status == 404 { return states }
    let nodes: [NodeListing] = try reply.checked().result()
    for node in nodes {
      guard let text = node.address, node.state != "stopped", node.state != "left" else { continue }
      do throws(TransportError) {
        let address = try SocketAddress(resolving: text)
        states.append((text, CredentialSurvey.state(at: address, asking)))
      } catch {
        states.append((text, .unknown(error.message)))
      }
    }
    return states
  }

  private static func state(at node: SocketAddress?, _ asking: ClusterEngine) -> State {
    do throws(CommandFailure) {
      let reply = try asking.perform(.query("whoami"), at: node)
      if reply.status == 404 { return .unknown("is of an earlier version") }
      guard reply.isSuccess else { return .unknown(reply.problem.sentence) }
      guard let report = try? CandidArguments.decode(reply.body, as: CallerReport.self) else {
        return .refused
      }
      switch report.credential {
      case "used"?: return .used
      case "accepted"?: return .accepted
      default: return .refused
      }
    } catch {
      return .unknown(error.message)
    }
  }

  /// Waits until every program makes the same of a credential.
  /// - Throws: `CommandFailure` naming who does not, within the time for a request.
  func wait(for wanted: State, _ credential: Credential, _ what: String) throws {
    let begin = MonotonicTime.current()
    while true {
      let others = try states(of: credential).filter { $0.state != wanted }
      guard let (place, state) = others.first else { return }
      guard (MonotonicTime.current() - begin).seconds < cluster.timeout else {
        throw CommandFailure(
          "\(place) does not \(what): to it, it is \(state.text); the file has been left as it is: "
            + "see to \(place), look with credential check, and go on with credential use or drop")
      }
      connection.pause(CredentialSurvey.interval)
    }
  }
}
