import Candid
import Cluster
import HTTPTransport
import ScaledStorageClient
import WireProtocol

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
  /// The node that is about to join, in the answers of earlier gateways; `change` tells more.
  var joining: Principal?
  /// No change is under way and every member is in its place.
  var isSettled: Bool
  var change: Change?
  /// Nodes that have left and whose process ends.
  var ending: [Principal]?
  var lastFailure: String?

  /// The change of the ring that is under way.
  struct Change: CandidRecord {
    var joining: [Principal]
    var leaving: [Principal]
    var epoch: UInt64
    var step: String
    var scannedKeys: UInt64
    var keys: UInt64
    var sentBytes: UInt64
    var expectedBytes: UInt64
    var bytesPerSecond: UInt64

    static let candidFields = CandidFields(
      Change.init(
        joining:leaving:epoch:step:scannedKeys:keys:sentBytes:expectedBytes:bytesPerSecond:),
      CandidMember("joining", \.joining), CandidMember("leaving", \.leaving),
      CandidMember("epoch", \.epoch), CandidMember("step", \.step),
      CandidMember("scanned_keys", \.scannedKeys), CandidMember("keys", \.keys),
      CandidMember("sent_bytes", \.sentBytes), CandidMember("expected_bytes", \.expectedBytes),
      CandidMember("bytes_per_second", \.bytesPerSecond))

    /// How far it is, short enough for a line of a terminal.
    var progressText: String {
      guard keys > 0 else { return step }
      var text = "\(step), \(Figures.grouped(scannedKeys)) of \(Figures.grouped(keys)) keys, "
      text += "\(Figures.bytes(sentBytes)) of about \(Figures.bytes(expectedBytes))"
      if bytesPerSecond > 0 { text += ", \(Figures.bytes(bytesPerSecond))/s" }
      return text
    }
  }

  static let candidFields = CandidFields(
    RingListing.init(epoch:digest:members:joining:isSettled:change:ending:lastFailure:),
    CandidMember("epoch", \.epoch), CandidMember("digest", \.digest),
    CandidMember("members", \.members), CandidMember("joining", \.joining),
    CandidMember("settled", \.isSettled), CandidMember("change", \.change),
    CandidMember("ending", \.ending), CandidMember("last_failure", \.lastFailure))

  /// Whether every member serves.
  var isReady: Bool {
    !members.isEmpty && members.allSatisfy { ["member", "leaving"].contains($0.state) }
  }

  /// What goes on with the ring, in a line.
  var changeText: String {
    guard let change else {
      if let joining { return "\(joining.text) is joining" }
      if let node = ending?.first { return "\(node.text) has left, and its process ends" }
      return isSettled ? "settled" : "not settled"
    }
    let nodes = change.joining + change.leaving
    return nodes.map(\.text).joined(separator: ", ") + (nodes.count == 1 ? " is " : " are ")
      + (change.leaving.isEmpty ? "joining" : "leaving") + ": " + change.progressText
  }
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

extension ClusterEngine {
  func ring() throws(CommandFailure) -> RingListing {
    try perform(.query("ring")).ofGateway().result()
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
