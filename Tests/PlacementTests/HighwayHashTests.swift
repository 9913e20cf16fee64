import Foundation
import Testing

@testable import Placement

struct HighwayHashTests {
  struct File: Decodable {
    struct Set: Decodable {
      struct Vector: Decodable {
        let len: Int
        let h64: String
      }
      let name: String
      let key: [String]
      let vectors: [Vector]
    }
    let sets: [Set]
  }

  struct StringFile: Decodable {
    struct Key: Decodable {
      let key: String
      let h64: String
      let anchor_key32: UInt32
      let h64_without_ff: String
    }
    let keys: [Key]
  }

  @Test func `every published length hashes to its vector, through every overload`() throws {
    let file = try vectors("highwayhash", as: File.self)
    #expect(file.sets.count == 2)
    for set in file.sets {
      let key = try key(set.key)
      #expect(set.vectors.count > 100)
      for vector in set.vectors {
        let input = (0..<vector.len).map { UInt8(truncatingIfNeeded: $0) }
        let expected = try number(vector.h64)
        #expect(HighwayHash.hash(input, key: key) == expected, "\(set.name) \(vector.len)")
        #expect(HighwayHash.hash(input.span, key: key) == expected)
        // At an odd address too.
        let shifted = [0] + input
        shifted.withUnsafeBytes { bytes in
          let rebased = UnsafeRawBufferPointer(rebasing: bytes[1...])
          #expect(HighwayHash.hash(rebased, key: key) == expected)
        }
      }
    }
  }

  @Test func `strings hash as in the original program`() throws {
    let file = try vectors("string-hash", as: StringFile.self)
    #expect(file.keys.count == 100)
    for vector in file.keys {
      let bytes = Array(vector.key.utf8)
      let hash = HighwayHash.hash(bytes + [0xff], key: .zero)
      #expect(hash == (try number(vector.h64)))
      #expect(UInt32(truncatingIfNeeded: hash) == vector.anchor_key32)
      #expect(HighwayHash.hash(bytes, key: .zero) == (try number(vector.h64_without_ff)))
    }
  }

  @Test func `a hash key comes back from its bytes`() throws {
    let key = HashKey.random()
    #expect(try HashKey(bytes: key.bytes) == key)
    #expect(key != HashKey.random())
    #expect(try HashKey(bytes: Array(0..<32)).lane0 == 0x0706_0504_0302_0100)
  }

  @Test(arguments: [0, 31, 33]) func `a hash key of another length is refused`(count: Int) {
    let error = #expect(throws: PlacementError.self) {
      try HashKey(bytes: [UInt8](repeating: 0, count: count))
    }
    #expect(error?.code == .invalidHashKey)
  }
}
