import Candid
import Cluster
import HTTPTransport

/// A node as `GET /nodes` tells of it.
struct NodeListing: CandidConvertible {
  var id: Principal?
  var address: String?
  var state: String
  var info: NodeInfo?

  init(id: Principal?, address: String?, state: String, info: NodeInfo?) {
    self.id = id
    self.address = address
    self.state = state
    self.info = info
  }

  static let candidType = CandidType.record(fields: [
    "id": .opt(.principal), "address": .opt(.text), "state": .text,
    "info": .opt(NodeInfo.candidType),
  ])

  var candidValue: CandidValue {
    .record(fields: [
      "id": id.candidValue, "address": address.candidValue, "state": .text(state),
      "info": info.candidValue,
    ])
  }

  init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    id = try record.field("id")
    address = try record.field("address")
    state = try record.field("state")
    info = try record.field("info")
  }
}

/// The ring as `GET /ring` tells of it.
struct RingListing: CandidConvertible {
  struct Member: CandidConvertible {
    var id: Principal
    var address: String?
    var state: String

    static let candidType = CandidType.record(fields: [
      "id": .principal, "address": .opt(.text), "state": .text,
    ])

    var candidValue: CandidValue {
      .record(fields: [
        "id": .principal(id), "address": address.candidValue, "state": .text(state),
      ])
    }

    init(id: Principal, address: String?, state: String) {
      self.id = id
      self.address = address
      self.state = state
    }

    init(candidValue: CandidValue) throws(CandidError) {
      let record = try CandidRecord(candidValue)
      id = try record.field("id")
      address = try record.field("address")
      state = try record.field("state")
    }
  }

  var epoch: UInt64
  var digest: String
  var members: [Member]
  /// The node that is about to join.
  var joining: Principal?
  /// No change is under way and every member is in its place.
  var isSettled: Bool

  init(
    epoch: UInt64, digest: String, members: [Member], joining: Principal?, isSettled: Bool
  ) {
    self.epoch = epoch
    self.digest = digest
    self.members = members
    self.joining = joining
    self.isSettled = isSettled
  }

  static let candidType = CandidType.record(fields: [
    "epoch": .nat64, "digest": .text, "members": .vec(Member.candidType),
    "joining": .opt(.principal), "settled": .bool,
  ])

  var candidValue: CandidValue {
    .record(fields: [
      "epoch": .nat64(epoch), "digest": .text(digest), "members": members.candidValue,
      "joining": joining.candidValue, "settled": .bool(isSettled),
    ])
  }

  init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    epoch = try record.field("epoch")
    digest = try record.field("digest")
    members = try record.field("members")
    joining = try record.field("joining")
    isSettled = try record.field("settled")
  }

  /// Whether every member serves.
  var isReady: Bool { !members.isEmpty && members.allSatisfy { $0.state == "member" } }
}

extension ClusterReply {
  /// The only result of a method, in binary Candid, whatever the status.
  /// - Throws: `CommandFailure` when the body is something else.
  func result<Value: CandidConvertible>(
    as _: Value.Type = Value.self
  ) throws(CommandFailure) -> Value {
    do throws(CandidError) {
      let values = try CandidBinary.decode(body, as: CandidSignature([Value.candidType]))
      guard let value = values.first else { throw CandidError(.malformed, "it is empty") }
      return try Value(candidValue: value)
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
