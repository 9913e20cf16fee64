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
  public internal(set) var moduleDigest: [UInt8]?
  public internal(set) var change: Change?
  /// Nodes whose join was undone and whose instance is not known to be gone yet.
  public internal(set) var undone: [Principal] = []

  /// A change of the ring under way.
  public struct Change: Hashable, Sendable {
    public var node: Principal
    public var epoch: UInt64
    /// From here on it only goes forward.
    public var isDecided: Bool
  }

  /// The state of a cluster that has not begun.
  /// - Throws: `ClusterError` when the capacity is out of range.
  public static func fresh(
    hashKey: HashKey, capacity: Int
  ) throws(ClusterError) -> CoordinatorState {
    let map = try ClusterMap.founding(
      .canister(number: 1), address: nil, hashKey: hashKey, capacity: capacity)
    return CoordinatorState(
      map: map, nextNumber: 2, nextEpoch: 2, isBootstrapped: false, moduleDigest: nil, change: nil)
  }
}

extension CoordinatorState: CandidRecord {
  public static let candidFields = CandidFields(
    CoordinatorState.init(
      format:map:nextNumber:nextEpoch:isBootstrapped:moduleDigest:change:storedUndone:),
    CandidMember("format", \.format), CandidMember("map", \.map),
    CandidMember("next_number", \.nextNumber),
    CandidMember("next_epoch", \.nextEpoch), CandidMember("bootstrapped", \.isBootstrapped),
    CandidMember("module_sha256", \.moduleDigest), CandidMember("change", \.change),
    CandidMember("undone", \.storedUndone))

  private var format: FirstFormat { FirstFormat() }
  /// Older programs did not store it.
  private var storedUndone: [Principal]? { undone }

  private init(
    format _: FirstFormat, map: ClusterMap, nextNumber: UInt64, nextEpoch: UInt64,
    isBootstrapped: Bool, moduleDigest: [UInt8]?, change: Change?, storedUndone: [Principal]?
  ) {
    self.init(
      map: map, nextNumber: nextNumber, nextEpoch: nextEpoch, isBootstrapped: isBootstrapped,
      moduleDigest: moduleDigest, change: change, undone: storedUndone ?? [])
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
    CoordinatorState.Change.init(node:epoch:isDecided:),
    CandidMember("node", \.node), CandidMember("epoch", \.epoch),
    CandidMember("decided", \.isDecided))
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
