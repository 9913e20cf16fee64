package import Candid
package import Cluster

/// One node as `/nodes` shows it.
package struct NodeEntry: CandidRecord {
  package var id: Principal
  package var address: String?
  package var state: String
  package var info: NodeInfo?

  package init(id: Principal, address: String?, state: String, info: NodeInfo?) {
    self.id = id
    self.address = address
    self.state = state
    self.info = info
  }

  package static let candidFields = CandidFields(
    NodeEntry.init(id:address:state:info:),
    CandidMember("id", \.id), CandidMember("address", \.address), CandidMember("state", \.state),
    CandidMember("info", \.info))
}

/// The ring as `/ring` shows it: without the hash key, which is the cluster's secret, unless the
/// one who asks knows the cluster's credential.
package struct RingDescription: CandidRecord {
  package struct Member: CandidRecord {
    package var id: Principal
    package var address: String?
    package var state: String

    package init(id: Principal, address: String?, state: String) {
      self.id = id
      self.address = address
      self.state = state
    }

    package static let candidFields = CandidFields(
      Member.init(id:address:state:), CandidMember("id", \.id), CandidMember("address", \.address),
      CandidMember("state", \.state))
  }

  package var epoch: UInt64
  package var revision: UInt64
  package var digest: String
  package var members: [Member]
  /// The first of the nodes that join, for old readers.
  package var joining: Principal?
  package var isSettled: Bool
  package var change: ChangeDescription?
  /// Nodes whose process ends, and whose data goes, since they have left.
  package var ending: [Principal]?
  /// Why the last change failed, until one succeeds.
  package var lastFailure: String?
  /// What places keys, for who knows the credential.
  package var placement: ClusterMap?

  package init(
    epoch: UInt64, revision: UInt64, digest: String, members: [Member], joining: Principal?,
    isSettled: Bool, change: ChangeDescription?, ending: [Principal]?, lastFailure: String?,
    placement: ClusterMap? = nil
  ) {
    self.epoch = epoch
    self.revision = revision
    self.digest = digest
    self.members = members
    self.joining = joining
    self.isSettled = isSettled
    self.change = change
    self.ending = ending
    self.lastFailure = lastFailure
    self.placement = placement
  }

  package static let candidFields = CandidFields(
    RingDescription.init(
      epoch:revision:digest:members:joining:isSettled:change:ending:lastFailure:placement:),
    CandidMember("epoch", \.epoch), CandidMember("revision", \.revision),
    CandidMember("digest", \.digest),
    CandidMember("members", \.members), CandidMember("joining", \.joining),
    CandidMember("settled", \.isSettled), CandidMember("change", \.change),
    CandidMember("ending", \.ending), CandidMember("last_failure", \.lastFailure),
    CandidMember("placement", \.placement))
}

/// The change of the ring that is under way, as `/ring` shows it.
package struct ChangeDescription: CandidRecord {
  package var joining: [Principal]
  package var leaving: [Principal]
  /// The epoch of the ring after the change.
  package var epoch: UInt64
  /// `launching`, `initialising`, `preparing`, `copying`, `fencing`, `deciding`, `flipping` or
  /// `settling`.
  package var step: String
  /// From here on it only goes forward.
  package var isDecided: Bool
  /// Keys that the sources have looked at, of how many.
  package var scannedKeys: UInt64
  package var keys: UInt64
  package var sentKeys: UInt64
  /// Bytes that have been sent, of about how many.
  package var sentBytes: UInt64
  package var expectedBytes: UInt64
  package var bytesPerSecond: UInt64

  package init(
    joining: [Principal], leaving: [Principal], epoch: UInt64, step: String, isDecided: Bool,
    scannedKeys: UInt64, keys: UInt64, sentKeys: UInt64, sentBytes: UInt64, expectedBytes: UInt64,
    bytesPerSecond: UInt64
  ) {
    self.joining = joining
    self.leaving = leaving
    self.epoch = epoch
    self.step = step
    self.isDecided = isDecided
    self.scannedKeys = scannedKeys
    self.keys = keys
    self.sentKeys = sentKeys
    self.sentBytes = sentBytes
    self.expectedBytes = expectedBytes
    self.bytesPerSecond = bytesPerSecond
  }

  package static let candidFields = CandidFields(
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
