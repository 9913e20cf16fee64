import Candid
import Cluster
import Placement

/// One node as `/nodes` shows it.
struct NodeEntry: CandidRecord {
  var id: Principal
  var address: String?
  var state: String
  var info: NodeInfo?

  static let candidFields = CandidFields(
    NodeEntry.init(id:address:state:info:),
    CandidMember("id", \.id), CandidMember("address", \.address), CandidMember("state", \.state),
    CandidMember("info", \.info))
}

/// The ring as `/ring` shows it: without the hash key, which is the cluster's secret.
struct RingDescription: CandidRecord {
  struct Member: CandidRecord {
    var id: Principal
    var address: String?
    var state: String

    static let candidFields = CandidFields(
      Member.init(id:address:state:), CandidMember("id", \.id), CandidMember("address", \.address),
      CandidMember("state", \.state))
  }

  var epoch: UInt64
  var revision: UInt64
  var digest: String
  var members: [Member]
  /// The first of the nodes that join, for old readers.
  var joining: Principal?
  var isSettled: Bool
  var change: ChangeDescription?
  /// Nodes whose process ends, and whose data goes, since they have left.
  var ending: [Principal]?
  /// Why the last change failed, until one succeeds.
  var lastFailure: String?

  static let candidFields = CandidFields(
    RingDescription.init(
      epoch:revision:digest:members:joining:isSettled:change:ending:lastFailure:),
    CandidMember("epoch", \.epoch), CandidMember("revision", \.revision),
    CandidMember("digest", \.digest),
    CandidMember("members", \.members), CandidMember("joining", \.joining),
    CandidMember("settled", \.isSettled), CandidMember("change", \.change),
    CandidMember("ending", \.ending), CandidMember("last_failure", \.lastFailure))
}

extension RingDescription {
  init(_ coordinator: Coordinator) {
    let map = coordinator.map
    let machine = coordinator.machine
    epoch = map.ring.epoch
    revision = map.revision
    digest = map.digestText
    members = map.members.map { node in
      Member(
        id: node, address: map.addresses[node],
        state: ClusterSummary.state(of: node, coordinator))
    }
    joining = machine.state.change?.joining.first
    isSettled = machine.isSettled
    change = machine.changeStatus.map(ChangeDescription.init)
    ending = machine.state.departed
    lastFailure = machine.failures > 0 ? machine.lastFailure : nil
  }
}

/// The change of the ring that is under way, as `/ring` shows it.
struct ChangeDescription: CandidRecord {
  var joining: [Principal]
  var leaving: [Principal]
  /// The epoch of the ring after the change.
  var epoch: UInt64
  /// `launching`, `initialising`, `preparing`, `copying`, `fencing`, `deciding`, `flipping` or
  /// `settling`.
  var step: String
  /// From here on it only goes forward.
  var isDecided: Bool
  /// Keys that the sources have looked at, of how many.
  var scannedKeys: UInt64
  var keys: UInt64
  var sentKeys: UInt64
  /// Bytes that have been sent, of about how many.
  var sentBytes: UInt64
  var expectedBytes: UInt64
  var bytesPerSecond: UInt64

  static let candidFields = CandidFields(
    ChangeDescription.init(
      joining:leaving:epoch:step:isDecided:scannedKeys:keys:sentKeys:sentBytes:expectedBytes:
      bytesPerSecond:),
    CandidMember("joining", \.joining), CandidMember("leaving", \.leaving),
    CandidMember("epoch", \.epoch), CandidMember("step", \.step),
    CandidMember("decided", \.isDecided), CandidMember("scanned_keys", \.scannedKeys),
    CandidMember("keys", \.keys), CandidMember("sent_keys", \.sentKeys),
    CandidMember("sent_bytes", \.sentBytes), CandidMember("expected_bytes", \.expectedBytes),
    CandidMember("bytes_per_second", \.bytesPerSecond))
}

extension ChangeDescription {
  init(_ change: ChangeStatus) {
    self.init(
      joining: change.joining, leaving: change.leaving, epoch: change.epoch, step: change.step,
      isDecided: change.isDecided, scannedKeys: change.copy.scannedKeys, keys: change.copy.keys,
      sentKeys: change.copy.sentKeys, sentBytes: change.copy.sentBytes,
      expectedBytes: change.copy.expectedBytes, bytesPerSecond: change.copy.bytesPerSecond)
  }
}
