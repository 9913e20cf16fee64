/// A structure that is a Candid record: it lists its fields, and has the rest for nothing.
public protocol CandidRecord: CandidConvertible {
  /// To be stored in a `static let`; made once.
  static var candidFields: CandidFields<Self> { get }
}

extension CandidRecord {
  public static func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    types.named(Self.self) { candidFields.candidType(in: &$0) }
  }

  public func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    try Self.candidFields.encode(self, into: &encoder)
  }

  public init(from decoder: inout CandidDecoder) throws(CandidError) {
    self = try Self.candidFields.decode(from: &decoder)
  }

  public static func encodeElements(
    _ elements: [Self], into encoder: inout CandidEncoder
  ) throws(CandidError) {
    let fields = candidFields
    encoder.write(leb128: UInt64(elements.count))
    try encoder.enter()
    for element in elements { try fields.encode(element, into: &encoder) }
    encoder.leave()
  }

  public static func decodeElements(
    from decoder: inout CandidDecoder
  ) throws(CandidError) -> [Self] {
    let fields = candidFields
    let count = try decoder.elementCount()
    var elements: [Self] = []
    elements.reserveCapacity(
      decoder.initialCapacity(for: count, stride: MemoryLayout<Self>.stride))
    try decoder.enter()
    for _ in 0..<count { elements.append(try fields.decode(from: &decoder)) }
    decoder.leave()
    return elements
  }
}

/// A field of a structure: its name or number, and the property that holds it.
public struct CandidMember<Root: Sendable, Value: CandidConvertible>: Sendable {
  let label: CandidLabel
  let encode: CandidFields<Root>.Encode
  let decode: CandidFields<Root>.Decode

  /// - Parameters:
  ///   - label: the field's name or number.
  ///   - path: the property; reading is fast through a stored property of a structure, slower
  ///     otherwise.
  @inlinable
  public init(_ label: CandidLabel, _ path: any KeyPath<Root, Value> & Sendable) {
    let encode: CandidFields<Root>.Encode
    if let offset = MemoryLayout<Root>.offset(of: path) {
      // A stored property is reached by its place, many times as fast as by its key path.
      encode = { (root, encoder) throws(CandidError) in
        let value = (root + offset).assumingMemoryBound(to: Value.self)
        try value.pointee.encode(into: &encoder)
      }
    } else {
      encode = { (root, encoder) throws(CandidError) in
        let root = root.assumingMemoryBound(to: Root.self)
        try root.pointee[keyPath: path].encode(into: &encoder)
      }
    }
    self.init(label, encode) { (decoder, slot) throws(CandidError) in
      slot.initializeMemory(as: Value.self, to: try Value(from: &decoder))
    }
  }

  @usableFromInline
  init(
    _ label: CandidLabel, _ encode: @escaping CandidFields<Root>.Encode,
    _ decode: @escaping CandidFields<Root>.Decode
  ) {
    self.label = label
    self.encode = encode
    self.decode = decode
  }
}

/// The fields of a structure, in any order.
public final class CandidFields<Root: Sendable>: Sendable {
  @usableFromInline
  typealias Encode =
    @Sendable (UnsafeRawPointer, inout CandidEncoder) throws(CandidError) -> Void
  @usableFromInline
  typealias Decode =
    @Sendable (inout CandidDecoder, UnsafeMutableRawPointer) throws(CandidError) -> Void

  private let plan: RecordPlan
  /// Makes a structure of the values in the slots, which it leaves uninitialised.
  private let make: @Sendable (UnsafeMutableRawPointer) -> Root

  /// - Parameters:
  ///   - make: the initialiser, called with the values of the fields in the order given.
  ///   - members: in any order. Names of equal ids are an error that the first use of the type
  ///     reports.
  public init<each Value: CandidConvertible>(
    _ make: @escaping @Sendable (repeat each Value) -> Root,
    _ members: repeat CandidMember<Root, each Value>
  ) {
    var plan = RecordPlan()
    repeat plan.append(each members)
    let slots = plan.slots
    self.make = { scratch in
      var next = 0
      func take<Taken>(_: Taken.Type) -> Taken {
        defer { next += 1 }
        return (scratch + slots[next]).assumingMemoryBound(to: Taken.self).move()
      }
      return make(repeat take((each Value).self))
    }
    plan.sort()
    self.plan = plan
  }

  func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    plan.candidType(in: &types)
  }

  func encode(_ root: Root, into encoder: inout CandidEncoder) throws(CandidError) {
    try withUnsafePointer(to: root) { (root) throws(CandidError) in
      try plan.encode(UnsafeRawPointer(root), into: &encoder)
    }
  }

  func decode(from decoder: inout CandidDecoder) throws(CandidError) -> Root {
    var root: Root?
    var failure: CandidError?
    withUnsafeTemporaryAllocation(byteCount: plan.byteCount, alignment: plan.alignment) {
      guard let scratch = $0.baseAddress else { return }
      failure = plan.decode(from: &decoder, into: scratch)
      if failure == nil { root = make(scratch) }
    }
    if let root { return root }
    throw failure ?? CandidError(.limitExceeded, "there is no memory to read the value into")
  }
}

/// The fields of a structure, their types forgotten: no metadata is looked up to walk over them.
private struct RecordPlan: Sendable {
  private struct Field: Sendable {
    let label: CandidLabel
    let type: @Sendable (inout CandidTypeBuilder) -> CandidType
    let encode: @Sendable (UnsafeRawPointer, inout CandidEncoder) throws(CandidError) -> Void
    let decode: @Sendable (inout CandidDecoder, UnsafeMutableRawPointer) throws(CandidError) -> Void
    let destroy: @Sendable (UnsafeMutableRawPointer) -> Void
    /// Where a value that has been read waits for the others, in bytes from the first.
    let slot: Int
  }

  private var fields: [Field] = []
  private(set) var byteCount = 1
  private(set) var alignment = 1

  mutating func append<Root, Value>(_ member: CandidMember<Root, Value>) {
    let mask = MemoryLayout<Value>.alignment - 1
    let slot = (byteCount + mask) & ~mask
    byteCount = slot + MemoryLayout<Value>.size
    alignment = max(alignment, MemoryLayout<Value>.alignment)
    fields.append(
      Field(
        label: member.label, type: { $0.type(of: Value.self) }, encode: member.encode,
        decode: member.decode,
        destroy: { $0.assumingMemoryBound(to: Value.self).deinitialize(count: 1) }, slot: slot))
  }

  var slots: [Int] { fields.map { $0.slot } }

  /// From the order of the initialiser to that of the ids, in which fields are sent.
  mutating func sort() { fields.sort { $0.label < $1.label } }

  func candidType(in types: inout CandidTypeBuilder) -> CandidType {
    .record(fields.map { CandidField(label: $0.label, type: $0.type(&types)) })
  }

  func encode(
    _ root: UnsafeRawPointer, into encoder: inout CandidEncoder
  ) throws(CandidError) {
    var index = 0
    while index < fields.count {
      try fields[index].encode(root, &encoder)
      index += 1
    }
  }

  /// Leaves a value in each slot, or, after a failure, in none.
  func decode(
    from decoder: inout CandidDecoder, into scratch: UnsafeMutableRawPointer
  ) -> CandidError? {
    var index = 0
    do throws(CandidError) {
      while index < fields.count {
        try fields[index].decode(&decoder, scratch + fields[index].slot)
        index += 1
      }
      return nil
    } catch {
      for field in fields.prefix(index) { field.destroy(scratch + field.slot) }
      return error
    }
  }
}
