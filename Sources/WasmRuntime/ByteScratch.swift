/// Bytes that grow up to a limit, in memory that is used again.
final class ByteScratch {
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private(set) var count = 0

  /// Memory that is kept between uses.
  private static let kept = 64 << 10

  deinit { memory.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

  func removeAll() {
    count = 0
    guard memory.count > ByteScratch.kept else { return }
    memory.deallocate()
    memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  }

  /// The caller has checked that the bytes may be so many.
  func append(_ more: UnsafeRawBufferPointer) {
    let needed = count + more.count
    if needed > memory.count {
      let larger = UnsafeMutableRawBufferPointer.allocate(
        byteCount: max(needed, memory.count * 2, 256), alignment: 16)
      larger.copyMemory(from: bytes)
      memory.deallocate()
      memory = larger
    }
    UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: more)
    count = needed
  }
}
