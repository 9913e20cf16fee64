internal import Synchronization

/// The types of an argument list, made ready: flattened, checked, and with the header of a binary
/// message of these types encoded. Building one costs more than a small message does, so keep it;
/// copies share it.
///
/// Every codec (`CandidBinary`, `CandidText`, `CandidJSON`) works by a signature.
public struct CandidSignature: Sendable {
  @usableFromInline
  final class Storage: Sendable {
    let types: [CandidType]
    let environment: CandidTypeEnvironment
    let table: TypeTable
    let layout: TypeLayout
    let arguments: [TypeReference]
    /// `DIDL`, the type table and the argument types.
    @usableFromInline let header: [UInt8]
    private let plans = Mutex<[CachedPlan]>([])
    private let lastSize = Atomic(0)

    init(
      _ types: [CandidType], _ environment: CandidTypeEnvironment, _ table: TypeTable,
      _ arguments: [TypeReference]
    ) {
      self.types = types
      self.environment = environment
      self.table = table
      self.arguments = arguments
      layout = TypeLayout(table)
      header = BinaryHeader.encode(table, arguments)
    }

    /// The size of the last message of these types whose size was another, in bytes.
    @usableFromInline var messageSize: Int {
      get { lastSize.load(ordering: .relaxed) }
      set { lastSize.store(newValue, ordering: .relaxed) }
    }
  }

  /// How to read the messages that begin with a header.
  private final class CachedPlan: Sendable {
    let header: [UInt8]
    let limits: CandidLimits
    let plan: CoercionPlan

    init(_ header: [UInt8], _ limits: CandidLimits, _ plan: CoercionPlan) {
      self.header = header
      self.limits = limits
      self.plan = plan
    }

    /// How many senders' headers a signature remembers, how long each may be, and what making its
    /// plan may have cost, with which its size grows: a peer chooses them.
    static let maximumCount = 8
    static let maximumHeader = 4_096
    static let maximumCost = 100_000
  }

  @usableFromInline let storage: Storage

  /// - Throws: `invalidType` when the types use a name that the environment does not define, define
  ///   a name as itself, or repeat a field; `limitExceeded` for types nested too deeply.
  public init(
    _ types: [CandidType], in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws(CandidError) {
    var compiler = TypeCompiler(environment)
    var arguments: [TypeReference] = []
    for type in types { arguments.append(try compiler.compile(type)) }
    storage = Storage(types, environment, compiler.table, arguments)
  }

  private init(storage: Storage) { self.storage = storage }

  /// One argument of a type of the other signature's table; `types` stays empty.
  init(_ argument: TypeReference, of other: CandidSignature) {
    storage = Storage([], other.environment, other.table, [argument])
  }

  /// The types, in order.
  public var types: [CandidType] { storage.types }
  var environment: CandidTypeEnvironment { storage.environment }
  var table: TypeTable { storage.table }
  var layout: TypeLayout { storage.layout }
  var arguments: [TypeReference] { storage.arguments }
  @inlinable var header: [UInt8] { storage.header }
}

// MARK: - Reading

extension CandidSignature {
  /// Gives the values of a message to the closure, in the form of these types.
  @inlinable
  func read<Result>(
    _ message: [UInt8], limits: CandidLimits,
    _ body: (inout CandidDecoder) throws(CandidError) -> Result
  ) throws(CandidError) -> Result {
    if let result = try readAsSent(message, limits: limits, body) { return result }
    return try readCoerced(message, limits: limits, body)
  }

  /// Nil unless the sender's types are exactly ours: then there is nothing to parse or to coerce.
  @inlinable
  func readAsSent<Result>(
    _ message: [UInt8], limits: CandidLimits,
    _ body: (inout CandidDecoder) throws(CandidError) -> Result
  ) throws(CandidError) -> Result? {
    try message.withUnsafeBufferPointer { (bytes) throws(CandidError) -> Result? in
      var cursor = ByteCursor(UnsafeRawBufferPointer(bytes))
      guard cursor.skipPrefix(header) else { return nil }
      var decoder = try CandidDecoder(cursor, of: message, limits: limits)
      let result = try body(&decoder)
      try decoder.finish()
      return result
    }
  }

  @usableFromInline
  func readCoerced<Result>(
    _ message: [UInt8], limits: CandidLimits,
    _ body: (inout CandidDecoder) throws(CandidError) -> Result
  ) throws(CandidError) -> Result {
    let values = try coerced(message, limits: limits)
    var ours = CandidLimits.unlimited
    ours.depth = limits.depth
    return try values.withUnsafeBufferPointer { (bytes) throws(CandidError) in
      var decoder = try CandidDecoder(
        ByteCursor(UnsafeRawBufferPointer(bytes)), of: values, limits: ours)
      do throws(CandidError) {
        return try body(&decoder)
      } catch {
        // The place is one in the coerced values, which the sender has never seen.
        throw CandidError(error.code, error.message)
      }
    }
  }

  /// The values of a message of any types, in the form of these, without a header.
  func coerced(_ message: [UInt8], limits: CandidLimits) throws(CandidError) -> [UInt8] {
    try message.withUnsafeBufferPointer { (bytes) throws(CandidError) in
      var cursor = ByteCursor(UnsafeRawBufferPointer(bytes))
      let plan = try plan(for: &cursor, limits: limits)
      // A known plan is charged for too, for a message must not fail at one time only.
      return try Coercer.coerce(
        cursor, by: plan, limits: limits, headerCost: 4 * cursor.position + plan.cost)
    }
  }

  /// Leaves the cursor behind the header.
  private func plan(
    for cursor: inout ByteCursor, limits: CandidLimits
  ) throws(CandidError) -> CoercionPlan {
    if let known = storage.plan(for: &cursor, limits: limits) { return known }
    let wire = try BinaryHeaderReader.read(&cursor, limits: limits)
    let plan = try CoercionCompiler.plan(from: wire, to: self, limits: limits)
    storage.remember(plan, for: cursor.read(from: 0), limits: limits)
    return plan
  }
}

extension CandidSignature.Storage {
  /// The plan for the header that the message begins with, which it then has behind it. No header
  /// is the beginning of another.
  fileprivate func plan(
    for cursor: inout ByteCursor, limits: CandidLimits
  ) -> CoercionPlan? {
    let cached = plans.withLock { $0 }
    for entry in cached where entry.limits == limits && cursor.skipPrefix(entry.header) {
      return entry.plan
    }
    return nil
  }

  fileprivate func remember(
    _ plan: CoercionPlan, for header: UnsafeRawBufferPointer, limits: CandidLimits
  ) {
    guard header.count <= CandidSignature.CachedPlan.maximumHeader,
      plan.cost <= CandidSignature.CachedPlan.maximumCost
    else { return }
    let entry = CandidSignature.CachedPlan([UInt8](header), limits, plan)
    plans.withLock { plans in
      // Another thread may have made it at the same time.
      let isKnown = plans.contains { $0.limits == limits && $0.header == entry.header }
      guard !isKnown else { return }
      if plans.count >= CandidSignature.CachedPlan.maximumCount { plans.removeFirst() }
      plans.append(entry)
    }
  }
}
