/// A few names of header fields, looked up by their bytes: what a proxy passes on or back.
///
/// Made once for the life of the process: its storage is never freed.
package struct FieldNames: @unchecked Sendable {
  /// By length, the first name of that length in ``names``; names stand in the order of lengths.
  private let starts: UnsafePointer<Int>
  private let names: UnsafePointer<StaticString>

  private static let longest = 63

  /// - Parameter names: in lower case, each of at most 63 bytes.
  package init(_ given: [StaticString]) {
    let sorted = given.filter { $0.utf8CodeUnitCount <= Self.longest }
      .sorted { $0.utf8CodeUnitCount < $1.utf8CodeUnitCount }
    let names = UnsafeMutablePointer<StaticString>.allocate(capacity: max(sorted.count, 1))
    for (index, name) in sorted.enumerated() { (names + index).initialize(to: name) }
    let starts = UnsafeMutablePointer<Int>.allocate(capacity: Self.longest + 2)
    for length in 0...Self.longest + 1 {
      let start = sorted.firstIndex { $0.utf8CodeUnitCount >= length } ?? sorted.count
      (starts + length).initialize(to: start)
    }
    self.names = UnsafePointer(names)
    self.starts = UnsafePointer(starts)
  }

  /// The name with these bytes, at a place that never moves.
  func find(_ bytes: UnsafeRawBufferPointer) -> StaticString? {
    guard bytes.count <= Self.longest else { return nil }
    var index = starts[bytes.count]
    let end = starts[bytes.count + 1]
    while index < end {
      if bytes.equals(names[index]) { return names[index] }
      index += 1
    }
    return nil
  }
}
