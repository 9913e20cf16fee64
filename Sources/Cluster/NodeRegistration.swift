package import Candid

/// How a node makes itself known in the service by which the cluster agrees (etcd): stored as JSON,
/// so that people can read it.
package struct NodeRegistration: CandidRecord, Hashable {
  /// Where the node answers, as `host:port`.
  package var address: String
  /// Drawn at each start of the process, as in `node_info`.
  package var incarnation: UInt64
  package var version: String
  /// Tells the process from all others that run or ran, see `ProcessMark`; empty when unknown.
  package var process: String

  package init(address: String, incarnation: UInt64, version: String, process: String) {
    self.address = address
    self.incarnation = incarnation
    self.version = version
    self.process = process
  }

  package static let candidFields = CandidFields(
    NodeRegistration.init(address:incarnation:version:process:),
    CandidMember("address", \.address), CandidMember("incarnation", \.incarnation),
    CandidMember("version", \.version), CandidMember("process", \.process))

  package var json: [UInt8] {
    (try? CandidArguments.values(of: self)).map(CandidJSON.writeResults) ?? []
  }

  /// Reads what ``json`` wrote; nil for anything else.
  package init?(json: [UInt8]) {
    guard let signature = try? CandidArguments.signature(of: NodeRegistration.self),
      let values = try? CandidJSON.readArguments(json, as: signature),
      let found = try? CandidArguments.convert(values, to: NodeRegistration.self)
    else { return nil }
    self = found
  }
}
