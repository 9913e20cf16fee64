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
    #expect(first.count == 3)
    #expect(first.byteCount == bytes)
    #expect(described(first) == ["put [1] [2, 3]", "delete [1]", "delete [1] to [2]"])
  }

  @Test func `a key and a value put together in place are those put whole`() {
    var batch = WriteBatch()
    let parts: [[UInt8]] = [[7, 8], [9], [1, 2, 3]]
    let range = parts[0].withUnsafeBytes { key in
      parts[1].withUnsafeBytes { header in
        parts[2].withUnsafeBytes { value in
          batch.put(kind: 6, key: key, header: header, value: value)
        }
      }
    }
    parts[0].withUnsafeBytes { batch.delete(kind: 6, key: $0) }
    var whole = WriteBatch()
    whole.put([6, 7, 8], [9, 1, 2, 3])
    whole.delete([6, 7, 8])
    #expect(described(batch) == described(whole))
    #expect(batch.byteCount == whole.byteCount)
    batch.withBytes(at: range) { #expect(Array($0) == [9, 1, 2, 3]) }
    batch.removeAll()
    #expect(batch.isEmpty && batch.byteCount == 0 && described(batch) == [])
  }

  private func described(_ batch: WriteBatch) -> [String] {
    var lines: [String] = []
    batch.forEach { operation in
      switch operation {
      case .put(let key, let value): lines.append("put \(Array(key)) \(Array(value))")
      case .delete(let key): lines.append("delete \(Array(key))")
      case .deleteRange(let from, let upTo):
        lines.append("delete \(Array(from)) to \(Array(upTo))")
      }
    }
    return lines
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
