public import Candid
import Placement

extension ClusterMap: CandidConvertible {
  public static func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    types.type(of: WireForm.self)
  }

  public func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    try WireForm(self).encode(into: &encoder)
  }

  /// - Throws: `CandidError`, also for a log that cannot be replayed.
  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try WireForm(from: &decoder).map()
  }

  /// The map as it is sent and stored: the log instead of the ring that it builds.
  fileprivate struct WireForm: CandidRecord {
    var format = FirstFormat()
    var epoch: UInt64
    var revision: UInt64
    var hashKey: [UInt8]
    var capacity: UInt32
    var log: [WireOperation]
    var addresses: [MemberAddress]
    var coordinator: String?
    /// Programs of before know nothing of it.
    var modules: [[UInt8]]?

    static let candidFields = CandidFields(
      WireForm.init(format:epoch:revision:hashKey:capacity:log:addresses:coordinator:modules:),
      CandidMember("format", \.format), CandidMember("epoch", \.epoch),
      CandidMember("revision", \.revision),
      CandidMember("hash_key", \.hashKey), CandidMember("capacity", \.capacity),
      CandidMember("log", \.log),
      CandidMember("addresses", \.addresses), CandidMember("coordinator", \.coordinator),
      CandidMember("modules", \.modules))

    func map() throws(CandidError) -> ClusterMap {
      do {
        let ring = try HashRing(
          hashKey: HashKey(bytes: hashKey), capacity: Int(capacity), epoch: epoch,
          log: log.map(\.operation))
        return try ClusterMap(
          ring: ring, revision: revision,
          addresses: Dictionary(
            addresses.map { ($0.node, $0.address) }, uniquingKeysWith: { $1 }),
          coordinator: coordinator, modules: modules)
      } catch let error as PlacementError {
        throw CandidError(.typeMismatch, "the ring cannot be rebuilt: \(error.message)")
      } catch let error as ClusterError {
        throw CandidError(.typeMismatch, error.message)
      } catch {
        throw CandidError(.typeMismatch, "the cluster map cannot be read")
      }
    }
  }

  fileprivate enum WireOperation: CandidVariant {
    case join(Principal)
    case leave(Principal)

    static let candidCases = CandidCases<WireOperation>(
      .case("Join", WireOperation.join) { if case .join(let node) = $0 { node } else { nil } },
      .case("Leave", WireOperation.leave) { if case .leave(let node) = $0 { node } else { nil } })

    init(_ operation: HashRing.Operation) throws(CandidError) {
      switch operation {
      case .join(let member): self = .join(try Principal(member.bytes))
      case .leave(let member): self = .leave(try Principal(member.bytes))
      }
    }

    var operation: HashRing.Operation {
      switch self {
      case .join(let node): .join(MemberID(bytes: node.bytes))
      case .leave(let node): .leave(MemberID(bytes: node.bytes))
      }
    }
  }

  fileprivate struct MemberAddress: CandidRecord {
    var node: Principal
    var address: String

    static let candidFields = CandidFields(
      MemberAddress.init(node:address:), CandidMember("node", \.node),
      CandidMember("address", \.address))
  }
}

extension ClusterMap.WireForm {
  init(_ map: ClusterMap) throws(CandidError) {
    epoch = map.ring.epoch
    revision = map.revision
    hashKey = map.ring.hashKey.bytes
    capacity = UInt32(clamping: map.ring.capacity)
    log = try map.ring.log.map { operation throws(CandidError) in
      try ClusterMap.WireOperation(operation)
    }
    addresses = map.addresses.sorted { $0.key < $1.key }
      .map { ClusterMap.MemberAddress(node: $0.key, address: $0.value) }
    coordinator = map.coordinator
    modules = map.modules
  }
}
