import Testing

@testable import HTTPTransport

@Suite struct DeflateTests {
  @Test("What is compressed expands to what it was", arguments: [65, 1_000, 300_000, 3_000_000])
  func roundTrip(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7) }
    let smaller = try #require(Deflate.compressed(bytes))
    #expect(smaller.count < bytes.count)
    #expect(try Deflate.expanded(smaller, limit: count) == bytes)
  }

  @Test("As gzip too, the same for the same bytes", arguments: [65, 1_000, 300_000, 3_000_000])
  func gzip(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7) }
    let smaller = try #require(Deflate.compressed(bytes, format: .gzip))
    #expect(smaller.count < bytes.count && smaller.starts(with: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]))
    #expect(try Deflate.expanded(smaller, limit: count, format: .gzip) == bytes)
    #expect(Deflate.compressed(bytes, format: .gzip) == smaller)
    var generator = SystemRandomNumberGenerator()
    #expect(Deflate.compressed((0..<count).map { _ in generator.next() }, format: .gzip) == nil)
  }

  @Test("What does not become smaller is left as it is")
  func incompressible() {
    var generator = SystemRandomNumberGenerator()
    #expect(Deflate.compressed((0..<10_000).map { _ in generator.next() }) == nil)
    #expect(Deflate.compressed([]) == nil)
    #expect(Deflate.compressed([1, 1, 1]) == nil)
  }

  @Test("A little that stands for a lot is refused at the limit")
  func bomb() throws {
    let bomb = try #require(Deflate.compressed([UInt8](repeating: 0, count: 32 << 20)))
    #expect(bomb.count < 1 << 18)
    let error = #expect(throws: TransportError.self) {
      try Deflate.expanded(bomb, limit: 1 << 20)
    }
    #expect(error?.code == .tooLarge)
  }

  @Test("Bytes that are damaged, cut short or go on are refused")
  func damaged() throws {
    let whole = try #require(Deflate.compressed([UInt8](repeating: 7, count: 1_000)))
    let faulty: [[UInt8]] = [
      [], [0x78], [1, 2, 3], Array(whole.dropLast()), Array(whole.dropLast(5)), whole + [0],
      whole.map { $0 ^ 0x55 },
    ]
    for bytes in faulty {
      let error = #expect(throws: TransportError.self) {
        try Deflate.expanded(bytes, limit: 1 << 20)
      }
      #expect(error?.code == .protocolViolation)
    }
  }
}
