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

extension CoordinatorState: CandidConvertible {
  private static let format: UInt8 = 1

  public static let candidType = CandidType.record(fields: [
    "format": .nat8, "map": ClusterMap.candidType, "next_number": .nat64, "next_epoch": .nat64,
    "bootstrapped": .bool, "module_sha256": .opt(.blob), "change": .opt(Change.candidType),
    "undone": .opt(.vec(.principal)),
  ])

  public var candidValue: CandidValue {
    .record(fields: [
      "format": .nat8(CoordinatorState.format), "map": map.candidValue,
      "next_number": .nat64(nextNumber), "next_epoch": .nat64(nextEpoch),
      "bootstrapped": .bool(isBootstrapped), "module_sha256": moduleDigest.candidValue,
      "change": change.candidValue, "undone": .opt(undone.candidValue),
    ])
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    let format: UInt8 = try record.field("format")
    guard format == CoordinatorState.format else {
      throw CandidError(.typeMismatch, "a coordinator's state of the unknown format \(format)")
    }
    map = try record.field("map")
    nextNumber = try record.field("next_number")
    nextEpoch = try record.field("next_epoch")
    isBootstrapped = try record.field("bootstrapped")
    moduleDigest = try record.field("module_sha256")
    change = try record.field("change")
    let undone: [Principal]? = try record.field("undone")
    self.undone = undone ?? []
  }

  /// The stored form.
  public var encoded: [UInt8] { StoredForm.encode(self) }

  /// - Throws: `ClusterError` with code `.corruption`.
  public init(encoded bytes: [UInt8]) throws(ClusterError) {
    self = try StoredForm.decode(bytes, what: "coordinator's state")
  }
}

extension CoordinatorState.Change: CandidConvertible {
  public static let candidType = CandidType.record(fields: [
    "node": .principal, "epoch": .nat64, "decided": .bool,
  ])

  public var candidValue: CandidValue {
    .record(fields: [
      "node": .principal(node), "epoch": .nat64(epoch), "decided": .bool(isDecided),
    ])
  }

  public init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    node = try record.field("node")
    epoch = try record.field("epoch")
    isDecided = try record.field("decided")
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
struct HandoverRecord: CandidConvertible {
  var next: ClusterMap
  var isFenced: Bool

  static let candidType = CandidType.record(fields: [
    "next": ClusterMap.candidType, "fenced": .bool,
  ])
  var candidValue: CandidValue {
    .record(fields: ["next": next.candidValue, "fenced": .bool(isFenced)])
  }

  init(next: ClusterMap, isFenced: Bool) {
    self.next = next
    self.isFenced = isFenced
  }

  init(candidValue: CandidValue) throws(CandidError) {
    let record = try CandidRecord(candidValue)
    next = try record.field("next")
    isFenced = try record.field("fenced")
  }

  var encoded: [UInt8] { StoredForm.encode(self) }

  init(encoded bytes: [UInt8]) throws(ClusterError) {
    self = try StoredForm.decode(bytes, what: "handover")
  }
}

/// Candid as the stored form of one value: it carries its own version marker and types, so that a
/// later program, whose types have more fields, reads it.
enum StoredForm {
  static func encode<Value: CandidConvertible>(_ value: Value) -> [UInt8] {
    // A value that is derived from its own type always encodes.
    (try? CandidBinary.encode([value.candidValue], as: [Value.candidType])) ?? []
  }

  static func decode<Value: CandidConvertible>(
    _ bytes: [UInt8], what: StaticString
  ) throws(ClusterError) -> Value {
    do throws(CandidError) {
      let values = try CandidBinary.decode(bytes, as: [Value.candidType])
      guard let value = values.first else {
        throw CandidError(.typeMismatch, "it is empty")
      }
      return try Value(candidValue: value)
    } catch {
      throw ClusterError(.corruption, "the stored \(what) cannot be read: \(error.message)")
    }
  }
}
