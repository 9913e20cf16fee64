import Foundation
import Testing

@testable import Placement

/// Reads a file of Tests/PlacementTests/Vectors.
func vectors<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
  let url = try #require(
    Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Vectors"))
  return try JSONDecoder().decode(type, from: Data(contentsOf: url))
}

func number(_ hex: String) throws -> UInt64 {
  try #require(UInt64(hex.dropFirst(2), radix: 16))
}

func key(_ lanes: [String]) throws -> HashKey {
  let lanes = try lanes.map(number)
  try #require(lanes.count == 4)
  return HashKey(lanes[0], lanes[1], lanes[2], lanes[3])
}
