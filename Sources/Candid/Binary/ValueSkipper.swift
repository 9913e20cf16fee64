/// Checks values and passes over them, without allocating anything; the place where the cost of a
/// message is counted (`CandidLimits.cost`).
struct ValueSkipper {
  var cursor: ByteCursor
  let layout: TypeLayout
  private var costLeft: Int
  private let skippingFactor: Int
  private let maximumDepth: Int

  /// - Parameter headerCost: what reading the header has cost already.
  init(
    _ cursor: ByteCursor, _ layout: TypeLayout, limits: CandidLimits, headerCost: Int
  ) throws(CandidError) {
    self.cursor = cursor
    self.layout = layout
    skippingFactor = limits.skippingFactor
    maximumDepth = limits.depth
    costLeft = limits.cost
    try charge(headerCost)
    try charge(cursor.remaining)
  }

  mutating func charge(_ cost: Int, factor: Int = 1) throws(CandidError) {
    let (product, overflow) = cost.multipliedReportingOverflow(by: factor)
    guard !overflow, product <= costLeft else { throw .tooCostly(at: cursor.position) }
    costLeft &-= product
  }

  /// Charges for a value of the type, and for the fields that it consists of.
  mutating func charge(_ type: TypeReference, factor: Int = 1) throws(CandidError) {
    try charge(layout.cost(type), factor: factor)
  }

  /// Reads the number of a vec's elements, and charges for them all before any is read.
  mutating func elementCount(
    of type: TypeReference, factor: Int = 1
  ) throws(CandidError) -> Int {
    let start = cursor.position
    let count = try cursor.leb128()
    let cost = UInt64(layout.elementCost(type) * factor)
    let (product, overflow) = count.multipliedReportingOverflow(by: cost)
    guard !overflow, product <= UInt64(costLeft) else { throw .tooCostly(at: start) }
    costLeft &-= Int(product)
    return Int(count)
  }

  /// Passes over a value that nobody wants: dearer than one that is read.
  mutating func drop(_ type: TypeReference, depth: Int) throws(CandidError) {
    try charge(type, factor: skippingFactor)
    try skip(type, factor: skippingFactor, depth: depth)
  }

  /// Passes over a value that has been charged for.
  mutating func skip(
    _ type: TypeReference, factor: Int = 1, depth: Int
  ) throws(CandidError) {
    guard type.code >= 0 else { return try skipPrimitive(type) }
    let node = layout.nodes[Int(type.code)]
    // What is not taken apart here may be by whoever builds the value.
    guard depth >= node.height else { throw nestedTooDeeply }
    if node.byteCount >= 0 {
      _ = try cursor.take(UInt64(node.byteCount))
      return
    }
    switch node.kind {
    case .opt:
      guard try cursor.optTag() else { return }
      try charge(node.content, factor: factor)
      try skip(node.content, factor: factor, depth: depth - 1)
    case .vec:
      try skipElements(node.content, factor: factor, depth: depth - 1)
    case .record:
      for index in node.first..<node.first + node.count {
        try skip(layout.parts[index], factor: factor, depth: depth - 1)
      }
    case .variant:
      let index = try cursor.caseIndex(below: node.count)
      let content = layout.parts[node.first + index]
      try charge(content, factor: factor)
      try skip(content, factor: factor, depth: depth - 1)
    case .function:
      _ = try cursor.functionPrincipal()
      _ = try cursor.utf8()
    case .service:
      _ = try cursor.principal()
    case .future:
      try skipFuture()
    }
  }

  private mutating func skipElements(
    _ element: TypeReference, factor: Int, depth: Int
  ) throws(CandidError) {
    if element == .nat8 {
      _ = try cursor.take(try cursor.leb128())
      return
    }
    let count = try elementCount(of: element, factor: factor)
    let size = layout.byteCount(element)
    if size >= 0 {
      guard count == 0 || depth >= layout.height(element) else { throw nestedTooDeeply }
      let (byteCount, overflow) = count.multipliedReportingOverflow(by: size)
      _ = try cursor.take(overflow ? .max : UInt64(byteCount))
      return
    }
    for _ in 0..<count { try skip(element, factor: factor, depth: depth) }
  }

  private mutating func skipPrimitive(_ type: TypeReference) throws(CandidError) {
    switch type {
    case .null, .reserved: break
    case .bool: _ = try cursor.bool()
    case .nat, .int: _ = try cursor.groups()
    case .text: _ = try cursor.utf8()
    case .principal: _ = try cursor.principal()
    default:
      let size = layout.byteCount(type)
      guard size > 0 else { throw emptyValue }
      _ = try cursor.take(UInt64(size))
    }
  }

  /// A value of a type of a later version: two counts, then bytes as many as the first says. The
  /// second counts references, which a message of this transport cannot carry.
  private mutating func skipFuture() throws(CandidError) {
    let byteCount = try cursor.leb128()
    guard try cursor.leb128() == 0 else {
      throw CandidError(
        .malformed, "a value of a later type with references cannot be read",
        at: cursor.position)
    }
    _ = try cursor.take(byteCount)
  }

  var emptyValue: CandidError {
    CandidError(.malformed, "a value of type empty cannot exist", at: cursor.position)
  }

  var nestedTooDeeply: CandidError {
    CandidError(
      .limitExceeded, "the message nests values more than \(maximumDepth) deep",
      at: cursor.position)
  }

  /// - Throws: `malformed` unless the whole message has been read.
  func finish() throws(CandidError) {
    guard cursor.remaining == 0 else {
      throw CandidError(
        .malformed, "\(cursor.remaining) bytes follow the last value", at: cursor.position)
    }
  }
}
