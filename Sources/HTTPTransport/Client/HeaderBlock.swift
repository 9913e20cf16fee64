/// The header fields of a response, in the order received, in one array of bytes: two lengths, the
/// name (lower case) and the value of each field, one after the other.
public struct HeaderBlock: Sendable, Equatable {
  /// Per field: name length (2 bytes), value length (4 bytes), both little-endian, name, value.
  private(set) var storage: [UInt8]
  /// Fields in the block.
  public private(set) var count: Int

  static let prefix = 6

  init(storage: [UInt8] = [], count: Int = 0) {
    self.storage = storage
    self.count = count
  }

  /// Whether there is no field.
  public var isEmpty: Bool { count == 0 }

  /// Value of the first field with that name (lower case). Linear in the size of the block.
  public func first(_ name: StaticString) -> String? {
    let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    guard let range = range(of: wanted) else { return nil }
    return String(decoding: storage[range], as: UTF8.self)
  }

  /// Value of the first field with that name (lower case), as bytes; no copy.
  public func firstBytes(_ name: StaticString) -> ArraySlice<UInt8>? {
    let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    return range(of: wanted).map { storage[$0] }
  }

  /// Value of the first field with a name known at run time (lower case).
  public func first(named name: String) -> String? {
    var name = name
    let range = name.withUTF8 { self.range(of: $0) }
    return range.map { String(decoding: storage[$0], as: UTF8.self) }
  }

  /// Calls `body` with each field's name and value, in the order received.
  public func forEach(_ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void) {
    var offset = 0
    while let field = field(at: offset) {
      body(storage[field.name], storage[field.value])
      offset = field.value.upperBound
    }
  }

  private func range(of wanted: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
    var offset = 0
    while let field = field(at: offset) {
      if field.name.count == wanted.count, storage[field.name].elementsEqual(wanted) {
        return field.value
      }
      offset = field.value.upperBound
    }
    return nil
  }

  private func field(at offset: Int) -> (name: Range<Int>, value: Range<Int>)? {
    guard offset + Self.prefix <= storage.count else { return nil }
    let nameLength = Int(storage[offset]) | Int(storage[offset + 1]) << 8
    let valueLength =
      Int(storage[offset + 2]) | Int(storage[offset + 3]) << 8 | Int(storage[offset + 4]) << 16
      | Int(storage[offset + 5]) << 24
    let name = offset + Self.prefix
    let value = name + nameLength
    return (name..<value, value..<value + valueLength)
  }
}

extension [UInt8] {
  /// Appends one field in the layout of ``HeaderBlock``; false when a length does not fit.
  mutating func appendField(
    name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    guard let nameLength = UInt16(exactly: name.count), value.count <= Int(Int32.max) else {
      return false
    }
    let valueLength = UInt32(value.count)
    append(UInt8(truncatingIfNeeded: nameLength))
    append(UInt8(truncatingIfNeeded: nameLength >> 8))
    append(UInt8(truncatingIfNeeded: valueLength))
    append(UInt8(truncatingIfNeeded: valueLength >> 8))
    append(UInt8(truncatingIfNeeded: valueLength >> 16))
    append(UInt8(truncatingIfNeeded: valueLength >> 24))
    append(contentsOf: name)
    append(contentsOf: value)
    return true
  }
}
