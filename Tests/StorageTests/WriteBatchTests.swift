import Testing

@testable import Storage

struct WriteBatchTests {
  @Test func `an appended batch counts and orders as if written at once`() {
    var first = WriteBatch()
    first.put([1], [2, 3])
    var second = WriteBatch()
    second.delete([1])
    second.deleteRange(from: [1], upTo: [2])
    let bytes = first.byteCount + second.byteCount
    first.append(second)
    #expect(first.operations.count == 3)
    #expect(first.byteCount == bytes)
    guard case .deleteRange = first.operations[2] else {
      Issue.record("the order changed")
      return
    }
  }

  @Test func `a range that ends where it starts adds nothing`() {
    var batch = WriteBatch()
    batch.deleteRange(from: [2], upTo: [2])
    batch.deleteRange(from: [3], upTo: [2])
    #expect(batch.isEmpty)
  }

  @Test func `a key or value beyond the limits is refused`() {
    func code(_ build: (inout WriteBatch) -> Void) -> StorageError.Code? {
      var batch = WriteBatch()
      build(&batch)
      return #expect(throws: StorageError.self) { try batch.validate() }?.code
    }
    let tooLong = [UInt8](repeating: 0, count: StorageLimits.maximumKeyByteCount + 1)
    #expect(code { $0.put([], [1]) } == .invalidArgument)
    #expect(code { $0.delete([]) } == .invalidArgument)
    #expect(code { $0.put(tooLong, [1]) } == .tooLarge)
    #expect(code { $0.deleteRange(from: [0], upTo: [1] + tooLong) } == .tooLarge)
    let huge = [UInt8](repeating: 0, count: StorageLimits.maximumValueByteCount + 1)
    #expect(code { $0.put([1], huge) } == .tooLarge)
  }
}
