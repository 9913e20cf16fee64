public import Candid
public import Placement

/// What the coordinator must not forget.
public struct CoordinatorState: Hashable, Sendable {
  public internal(set) var map: ClusterMap
  /// The number of the next node, and the next epoch that may be proposed: neither is used twice.
  public internal(set) var nextNumber: UInt64
  public internal(set) var nextEpoch: UInt64
  /// Whether the first node has taken its identity: from then on a node without one has lost its
  /// data.
  public internal(set) var isBootstrapped: Bool
  /// SHA-256 of the module that every node is to have, and of the one to go back to.
  public internal(set) var moduleDigest: [UInt8]?
  public internal(set) var previousModuleDigest: [UInt8]?
  /// Whether some node may still have another module than the wanted one.
  public internal(set) var isModuleRolling = false
  public internal(set) var change: Change?
  /// Nodes that left, or whose join was undone, and whose instance is not known to be gone yet.
  public internal(set) var departed: [Principal] = []
  /// How many nodes an operator asked for by hand: the scaler keeps at least as many.
  public internal(set) var nodesAskedFor: UInt32?
  /// The rolling restart that is under way, or the one before.
  public internal(set) var restarts: RollingRestart?

  /// A change of the ring under way: nodes join, or members leave.
  public struct Change: Hashable, Sendable {
    public var joining: [Principal]
    public var leaving: [Principal]
    /// The epoch of the ring after the change. Each node that joins or leaves takes one epoch, so
    /// that several at once end some epochs later.
    public var epoch: UInt64
    /// From here on it only goes forward.
    public var isDecided: Bool

    public init(joining: [Principal], leaving: [Principal], epoch: UInt64, isDecided: Bool) {
      self.joining = joining
      self.leaving = leaving
      self.epoch = epoch
      self.isDecided = isDecided
    }
  }

  /// The state of a cluster that has not begun.
  /// - Throws: `ClusterError` when the capacity is out of range.
  public static func fresh(
    hashKey: HashKey, capacity: Int, firstNode: UInt64 = 1
  ) throws(ClusterError) -> CoordinatorState {
    guard firstNode <= UInt64(UInt32.max) else {
      throw ClusterError(.malformed, "\(firstNode) is too high a number for the first node")
    }
    let map = try ClusterMap.founding(
      .canister(number: firstNode), address: nil, hashKey: hashKey, capacity: capacity)
    return CoordinatorState(
      map: map, nextNumber: firstNode + 1, nextEpoch: 2, isBootstrapped: false, moduleDigest: nil,
      change: nil)
  }
}

extension CoordinatorState: CandidRecord {
  public static let candidFields = CandidFields(
    CoordinatorState.init(
      format:map:nextNumber:nextEpoch:isBootstrapped:moduleDigest:change:storedDeparted:
      nodesAskedFor:previousModuleDigest:storedRolling:restarts:),
    CandidMember("format", \.format), CandidMember("map", \.map),
    CandidMember("next_number", \.nextNumber),
    CandidMember("next_epoch", \.nextEpoch), CandidMember("bootstrapped", \.isBootstrapped),
    CandidMember("module_sha256", \.moduleDigest), CandidMember("change", \.change),
    // Its name is from when only joins were undone.
    CandidMember("undone", \.storedDeparted),
    CandidMember("nodes_asked_for", \.nodesAskedFor),
    CandidMember("previous_module_sha256", \.previousModuleDigest),
    CandidMember("module_rolling", \.storedRolling), CandidMember("restarts", \.restarts))

  private var format: FirstFormat { FirstFormat() }
  /// Older programs did not store it.
  private var storedDeparted: [Principal]? { departed }
  /// Older programs told nodes of no modules, so that nobody knows who has which.
  private var storedRolling: Bool? { isModuleRolling }

  private init(
    format _: FirstFormat, map: ClusterMap, nextNumber: UInt64, nextEpoch: UInt64,
    isBootstrapped: Bool, moduleDigest: [UInt8]?, change: Change?, storedDeparted: [Principal]?,
    nodesAskedFor: UInt32?, previousModuleDigest: [UInt8]?, storedRolling: Bool?,
    restarts: RollingRestart?
  ) {
    self.init(
      map: map, nextNumber: nextNumber, nextEpoch: nextEpoch, isBootstrapped: isBootstrapped,
      moduleDigest: moduleDigest, previousModuleDigest: previousModuleDigest,
      isModuleRolling: storedRolling ?? (moduleDigest != nil), change: change,
      departed: storedDeparted ?? [], nodesAskedFor: nodesAskedFor, restarts: restarts)
  }

  /// The stored form.
  public var encoded: [UInt8] { StoredForm.encode(self) }

  /// - Throws: `ClusterError` with code `.corruption`.
  public init(encoded bytes: [UInt8]) throws(ClusterError) {
    self = try StoredForm.decode(bytes, what: "coordinator's state")
  }
}

extension CoordinatorState.Change: CandidRecord {
  public static let candidFields = CandidFields(
    CoordinatorState.Change.init(storedNode:storedJoining:storedLeaving:epoch:isDecided:),
    CandidMember("node", \.storedNode), CandidMember("joining", \.storedJoining),
    CandidMember("leaving", \.storedLeaving), CandidMember("epoch", \.epoch),
    CandidMember("decided", \.isDecided))

  /// Older programs stored the one node that joined.
  private var storedNode: Principal? { nil }
  private var storedJoining: [Principal]? { joining }
  private var storedLeaving: [Principal]? { leaving }

  private init(
    storedNode: Principal?, storedJoining: [Principal]?, storedLeaving: [Principal]?,
    epoch: UInt64, isDecided: Bool
  ) {
    self.init(
      joining: storedJoining ?? storedNode.map { [$0] } ?? [], leaving: storedLeaving ?? [],
      epoch: epoch, isDecided: isDecided)
  }
}

extension ClusterMap {
  /// The stored form.
  public var encoded: [UInt8] { StoredForm.encode(self) }

  /// - Throws: `ClusterError` with code `.corruption`.
  public init(encoded bytes: [UInt8]) throws(ClusterError) {
    self = try StoredForm.decode(bytes, what: "cluster map")
  }
}

/// What a node must not forget of a handover.
struct HandoverRecord: CandidRecord {
  var next: ClusterMap
  var isFenced: Bool

  static let candidFields = CandidFields(
    HandoverRecord.init(next:isFenced:), CandidMember("next", \.next),
    CandidMember("fenced", \.isFenced))
}

extension HandoverRecord {
  var encoded: [UInt8] { StoredForm.encode(self) }

  init(encoded bytes: [UInt8]) throws(ClusterError) {
    self = try StoredForm.decode(bytes, what: "handover")
  }
}

extension CopyCheckpoint {
  /// Version 1: a marker byte, the version big-endian, then the cursor.
  private static let format: UInt8 = 1

  var encoded: [UInt8] {
    var bytes = [CopyCheckpoint.format]
    bytes.appendBigEndian(version.rawValue)
    bytes += cursor
    return bytes
  }

  /// Nil for a format of another program, whose copy cannot be resumed.
  init?(encoded bytes: [UInt8]) {
    guard bytes.count > 9, bytes[0] == CopyCheckpoint.format else { return nil }
    version = Version(bytes.bigEndian(at: 1))
    cursor = Array(bytes[9...])
  }
}

/// The number by which the stored records tell their format, 1, to programs that know others.
struct FirstFormat: CandidConvertible {
  private static let number: UInt8 = 1

  init() {}

  static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .nat8 }

  func encode(into encoder: inout CandidEncoder) {
    encoder.write(fixed: FirstFormat.number)
  }

  init(from decoder: inout CandidDecoder) throws(CandidError) {
    let number: UInt8 = try decoder.fixed()
    guard number == FirstFormat.number else {
      throw CandidError(
        .typeMismatch, "it has the unknown format \(number); it is for a later program")
    }
  }
}

/// Candid as the stored form of one value: it carries its own version marker and types, so that a
/// later program, whose types have more fields, reads it.
enum StoredForm {
  static func encode<Value: CandidConvertible>(_ value: Value) -> [UInt8] {
    // What is stored has no value that its type cannot hold.
    (try? CandidArguments.encode(value)) ?? []
  }

  static func decode<Value: CandidConvertible>(
    _ bytes: [UInt8], what: StaticString
  ) throws(ClusterError) -> Value {
    do throws(CandidError) {
      return try CandidArguments.decode(bytes, as: Value.self)
    } catch {
      throw ClusterError(.corruption, "the stored \(what) cannot be read: \(error.message)")
    }
  }
}
