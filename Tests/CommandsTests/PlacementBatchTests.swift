import Foundation
import Testing

@testable import Commands

struct PlacementBatchTests {
  private struct Answer: Decodable {
    var ok: Bool
    var error: String?
    var hash: String?
    var owners: [String?]?
    var refused: [Int]?
    var digest: String?
  }

  private func ask(_ line: String) throws -> Answer {
    let bytes = PlacementBatch.answer(Array(line.utf8))
    #expect(bytes.last == UInt8(ascii: "\n"))
    #expect(bytes.filter { $0 == UInt8(ascii: "\n") }.count == 1)
    return try JSONDecoder().decode(Answer.self, from: Data(bytes))
  }

  private struct PlacementFile: Decodable {
    struct Scenario: Decodable {
      struct Operation: Decodable {
        var op: String
        var id: String
        var ok: Bool
      }
      struct Checkpoint: Decodable {
        var after_ops: Int
        var native64: [Int]
      }
      var name: String
      var initial: [String]
      var ids: [String]
      var ops: [Operation]
      var checkpoints: [Checkpoint]
    }
    var capacity: Int
    var keys: [String]
    var scenarios: [Scenario]
  }

  private struct Question: Encodable {
    var op = "ring"
    var variant = "reference"
    var capacity: Int
    var ops: [[String]]
    var keys: [String]
  }

  private func vectors(_ name: String) throws -> Data {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    return try Data(
      contentsOf: tests.appendingPathComponent("PlacementTests/Vectors/\(name).json"))
  }

  @Test func `the reference ring places keys as the original did`() throws {
    let file = try JSONDecoder().decode(PlacementFile.self, from: vectors("placement"))
    #expect(file.scenarios.count > 5)
    for scenario in file.scenarios {
      for checkpoint in scenario.checkpoints {
        let initial = scenario.initial.map { ["add", $0] }
        let ops = scenario.ops.prefix(checkpoint.after_ops)
        let question = Question(
          capacity: file.capacity, ops: initial + ops.map { [$0.op, $0.id] }, keys: file.keys)
        let answer = try ask(String(decoding: JSONEncoder().encode(question), as: UTF8.self))
        let expected = checkpoint.native64.map { $0 < 0 ? nil : scenario.ids[$0] }
        #expect(answer.owners == expected, "\(scenario.name) after \(checkpoint.after_ops)")
        let refused = ops.enumerated().filter { !$0.element.ok }.map { $0.offset + initial.count }
        #expect(answer.refused ?? [] == refused)
      }
    }
  }

  private struct HashFile: Decodable {
    struct Set: Decodable {
      struct Vector: Decodable {
        var len: Int
        var h64: String
      }
      var key: [String]
      var vectors: [Vector]
    }
    var sets: [Set]
  }

  @Test func `hashes are those of the reference implementation`() throws {
    let file = try JSONDecoder().decode(HashFile.self, from: vectors("highwayhash"))
    for set in file.sets {
      for vector in set.vectors.prefix(70) {
        let hex = (0..<vector.len).map { String(format: "%02x", $0 & 255) }.joined()
        let key = set.key.map { "\"\($0)\"" }.joined(separator: ",")
        let answer = try ask("{\"op\":\"highway64\",\"key\":[\(key)],\"hex\":\"\(hex)\"}")
        #expect(answer.hash == vector.h64)
      }
    }
  }

  @Test(arguments: [
    ("nonsense", "no JSON object"), ("", "no JSON object"), ("[]", "another type"),
    ("{}", "\"op\" is missing"), (#"{"op":"x"}"#, "no op \"x\""),
    (#"{"op":"highway64","hex":""}"#, "\"key\" is missing"),
    (#"{"op":"highway64","key":["0x0"],"hex":""}"#, "4 lanes"),
    (#"{"op":"highway64","key":["0x0","0x0","0x0","0x10000000000000000"],"hex":""}"#, "4 lanes"),
    (#"{"op":"highway64","key":["0x0","0x0","0x0","0x0"]}"#, "\"hex\" is missing"),
    (#"{"op":"highway64","key":["0x0","0x0","0x0","0x0"],"hex":"abc"}"#, "pairs"),
    (#"{"op":"ring","keys":[]}"#, "\"capacity\" is missing"),
    (#"{"op":"ring","capacity":10}"#, "\"keys\" is missing"),
    (#"{"op":"ring","capacity":0,"keys":[]}"#, "capacity"),
    (#"{"op":"ring","capacity":10,"variant":"new","keys":[]}"#, "no variant"),
    (#"{"op":"ring","capacity":10,"ops":[["join","a"]],"keys":[]}"#, "add or remove"),
    (#"{"op":"ring","capacity":10,"ops":[["add"]],"keys":[]}"#, "operation 0"),
    (#"{"op":"ring","capacity":10,"ops":[["add",""]],"keys":[]}"#, "member id"),
  ])
  func `wrong input is answered with what is wrong`(line: String, part: String) throws {
    let answer = try ask(line)
    #expect(!answer.ok)
    #expect(answer.error?.contains(part) == true, "\(answer.error ?? "")")
  }

  @Test func `an empty ring owns nothing, and a full one refuses`() throws {
    let empty = try ask(#"{"op":"ring","capacity":2,"keys":["a"]}"#)
    #expect(empty.owners == [nil])
    let full = try ask(
      #"{"op":"ring","capacity":1,"ops":[["add","x"],["add","y"],["remove","z"]],"keys":["a"]}"#)
    #expect(full.owners == ["x"])
    #expect(full.refused == [1, 2])
  }

  @Test func `the key of a production ring decides who owns what`() throws {
    func owners(_ lane: String) throws -> [String?]? {
      let keys = (0..<64).map { "\"k\($0)\"" }.joined(separator: ",")
      return try ask(
        """
        {"op":"ring","capacity":8,"key":["\(lane)","0x0","0x0","0x0"],\
        "ops":[["add","a"],["add","b"]],"keys":[\(keys)]}
        """
      ).owners
    }
    #expect(try owners("0x1") == owners("0x1"))
    #expect(try owners("0x1") != owners("0x2"))
  }
}
