import Candid
import Cluster
import HTTPTransport

/// What a client reads of `/ring`; the rest it passes over.
struct RingPlacement: CandidRecord {
  struct Member: CandidRecord {
    var id: Principal
    var address: String?

    static let candidFields = CandidFields(
      Member.init(id:address:), CandidMember("id", \.id), CandidMember("address", \.address))
  }

  var epoch: UInt64
  var members: [Member]
  /// Only for who knows the cluster's credential, and nil from gateways of before.
  var placement: ClusterMap?

  static let candidFields = CandidFields(
    RingPlacement.init(epoch:members:placement:), CandidMember("epoch", \.epoch),
    CandidMember("members", \.members), CandidMember("placement", \.placement))
}
