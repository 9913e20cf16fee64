/// Where a value reads its binary form (Candid spec, "Memory").
///
/// The bytes are values of exactly the type that the reader states: a message of other types has
/// been coerced to it before. Each read still checks what it reads.
public struct CandidDecoder: ~Copyable {
  @usableFromInline var cursor: ByteCursor
  /// The message, for slices that share its memory.
  private let message: [UInt8]
  private var costLeft: Int
  private var depthLeft: Int

  /// The cursor reads the message's memory, which must outlive the decoder.
  @usableFromInline
  init(_ cursor: ByteCursor, of message: [UInt8], limits: CandidLimits) throws(CandidError) {
    self.cursor = cursor
    self.message = message
    costLeft = limits.cost - message.count
    depthLeft = limits.depth
    guard costLeft >= 0 else { throw .tooCostly(at: 0) }
  }

  // MARK: - Values

  /// A `bool`.
  public mutating func bool() throws(CandidError) -> Bool { try cursor.bool() }

  /// A number of fixed width.
  public mutating func fixed<Integer: FixedWidthInteger & BitwiseCopyable>(
    _: Integer.Type = Integer.self
  ) throws(CandidError) -> Integer {
    try cursor.fixed()
  }

  /// A `nat`, of any size.
  public mutating func nat() throws(CandidError) -> CandidInteger {
    try cursor.integer(isSigned: false)
  }

  /// An `int`, of any size.
  public mutating func int() throws(CandidError) -> CandidInteger {
    try cursor.integer(isSigned: true)
  }

  /// A `text`; it is checked to be UTF-8.
  public mutating func text() throws(CandidError) -> String { try cursor.text() }

  /// The UTF-8 of a text, in the message's memory.
  public mutating func textSlice() throws(CandidError) -> ArraySlice<UInt8> {
    let count = try cursor.utf8().count
    return message[cursor.position - count..<cursor.position]
  }

  /// A `blob`, copied.
  public mutating func blob() throws(CandidError) -> [UInt8] {
    [UInt8](try cursor.take(try cursor.leb128()))
  }

  /// A blob in the message's memory: it takes no time, and keeps the message alive.
  public mutating func blobSlice() throws(CandidError) -> ArraySlice<UInt8> {
    let count = try cursor.take(try cursor.leb128()).count
    return message[cursor.position - count..<cursor.position]
  }

  /// A `principal`.
  public mutating func principal() throws(CandidError) -> Principal { try cursor.principal() }

  /// A reference to a function: a service and its method.
  public mutating func function() throws(CandidError) -> (Principal, method: String) {
    let principal = try cursor.functionPrincipal()
    return (principal, try cursor.text())
  }

  /// Whether an opt has a value, which then follows.
  public mutating func isPresent() throws(CandidError) -> Bool { try cursor.optTag() }

  /// The index of a variant's case, in the order of ids; its value follows.
  public mutating func caseIndex(below count: Int) throws(CandidError) -> Int {
    try cursor.caseIndex(below: count)
  }

  /// How many elements of a `vec` follow.
  ///
  /// Elements may take no bytes, so the count itself is charged for, before anything is allocated.
  /// - Throws: `limitExceeded` when so many would cost more than the limit.
  public mutating func elementCount() throws(CandidError) -> Int {
    let start = cursor.position
    let count = try cursor.leb128()
    let (cost, overflow) = count.multipliedReportingOverflow(by: 4)
    guard !overflow, cost <= UInt64(costLeft) else { throw .tooCostly(at: start) }
    costLeft &-= Int(cost)
    return Int(count)
  }

  /// How many elements of the given stride to make room for before they are read: all of them,
  /// unless the bytes that are left look too few for as many.
  public func initialCapacity(for count: Int, stride: Int) -> Int {
    min(count, (cursor.remaining &* 4 &+ 1_024) / max(stride, 1))
  }

  /// `count` numbers of fixed width, as they lie in memory.
  mutating func fixedElements(
    _ count: Int, width: Int
  ) throws(CandidError) -> UnsafeRawBufferPointer {
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: width)
    return try cursor.take(overflow ? .max : UInt64(byteCount))
  }

  // MARK: - Nesting

  /// Counts a level of nesting: to be called by types that may contain themselves, with `leave()`
  /// behind the value.
  /// - Throws: `limitExceeded` when the value nests too deeply.
  public mutating func enter() throws(CandidError) {
    depthLeft &-= 1
    guard depthLeft > 0 else {
      throw CandidError(
        .limitExceeded, "the message nests values too deeply", at: cursor.position)
    }
  }

  /// Ends a level of nesting that `enter()` began.
  public mutating func leave() { depthLeft &+= 1 }

  /// - Throws: `malformed` unless the whole message has been read.
  @usableFromInline
  func finish() throws(CandidError) {
    guard cursor.remaining == 0 else {
      throw CandidError(
        .malformed, "\(cursor.remaining) bytes follow the last value", at: cursor.position)
    }
  }
}

extension CandidError {
  static func tooCostly(at offset: Int) -> CandidError {
    CandidError(
      .limitExceeded, "the message has more values than it may cost to read", at: offset)
  }
}
