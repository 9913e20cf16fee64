import Candid
import Cluster
import HTTPTransport

/// A node as `GET /nodes` tells of it.
struct NodeListing: CandidRecord {
  var id: Principal?
  var address: String?
  var state: String
  var info: NodeInfo?

  static let candidFields = CandidFields(
    NodeListing.init(id:address:state:info:),
    CandidMember("id", \.id), CandidMember("address", \.address), CandidMember("state", \.state),
    CandidMember("info", \.info))
}

/// The ring as `GET /ring` tells of it.
struct RingListing: CandidRecord {
  struct Member: CandidRecord {
    var id: Principal
    var address: String?
    var state: String

    static let candidFields = CandidFields(
      Member.init(id:address:state:), CandidMember("id", \.id), CandidMember("address", \.address),
      CandidMember("state", \.state))
  }

  var epoch: UInt64
  var digest: String
  var members: [Member]
  /// The node that is about to join.
  var joining: Principal?
  /// No change is under way and every member is in its place.
  var isSettled: Bool

  static let candidFields = CandidFields(
    RingListing.init(epoch:digest:members:joining:isSettled:),
    CandidMember("epoch", \.epoch), CandidMember("digest", \.digest),
    CandidMember("members", \.members), CandidMember("joining", \.joining),
    CandidMember("settled", \.isSettled))

  /// Whether every member serves.
  var isReady: Bool { !members.isEmpty && members.allSatisfy { $0.state == "member" } }
}

extension ClusterReply {
  /// The only result of a method, in binary Candid, whatever the status.
  /// - Throws: `CommandFailure` when the body is something else.
  func result<Value: CandidConvertible>(
    as type: Value.Type = Value.self
  ) throws(CommandFailure) -> Value {
    do throws(CandidError) {
      return try CandidArguments.decode(body, as: type)
    } catch {
      if !isSuccess { throw CommandFailure(problem.sentence) }
      throw CommandFailure("the answer cannot be read: \(error.description)")
    }
  }
}

extension ClusterConnection {
  func ring() throws(CommandFailure) -> RingListing {
    try perform(.query("ring")).checked().result()
  }

  /// The addresses of the ring's members.
  func memberAddresses() throws(CommandFailure) -> [SocketAddress] {
    var addresses: [SocketAddress] = []
    for member in try ring().members {
      guard let text = member.address else { continue }
      do throws(TransportError) {
        addresses.append(try SocketAddress(resolving: text))
      } catch {
        throw CommandFailure(
          "\(member.id.text) has an address that cannot be used: \(error.message)")
      }
    }
    return addresses
  }

  /// What each member says of itself, fresh.
  func memberInfos() throws(CommandFailure) -> [NodeInfo] {
    var infos: [NodeInfo] = []
    for address in try memberAddresses() {
      infos.append(try perform(.query("node_info"), at: address).result())
    }
    return infos
  }
}
