import Foundation
import Placement

/// Answers the questions of `placement batch`.
enum PlacementBatch {
  /// The answer to one line, with the end of its line.
  static func answer(_ line: [UInt8]) -> [UInt8] {
    var answer: Answer
    do {
      let question = try JSONDecoder().decode(Question.self, from: Data(line))
      answer = try question.answer()
    } catch let error as CommandFailure {
      answer = Answer(ok: false, error: error.message)
    } catch let error as PlacementError {
      answer = Answer(ok: false, error: "\(error)")
    } catch let error as DecodingError {
      answer = Answer(ok: false, error: BatchLines.sentence(error))
    } catch {
      answer = Answer(ok: false, error: "\(error)")
    }
    return (try? JSONOutput.line(answer)) ?? Array("{\"ok\":false,\"error\":\"\"}\n".utf8)
  }

  private struct Answer: Encodable {
    var ok = true
    var error: String?
    var hash: String?
    var owners: [String?]?
    /// The indexes of the operations that the ring refused.
    var refused: [Int]?
    var digest: String?
  }

  private struct Question: Decodable {
    var op: String
    var key: [String]?
    var hex: String?
    var variant: String?
    var capacity: Int?
    var ops: [[String]]?
    var keys: [String]?

    func answer() throws -> Answer {
      switch op {
      case "highway64": try hash()
      case "ring": try ring()
      default: throw CommandFailure("there is no op \"\(op)\"; there are highway64 and ring")
      }
    }

    private func hash() throws -> Answer {
      guard let key = try hashKey() else { throw CommandFailure("the field \"key\" is missing") }
      guard let hex else { throw CommandFailure("the field \"hex\" is missing") }
      guard let bytes = HexDigits.bytes(hex) else {
        throw CommandFailure("the field \"hex\" is no sequence of pairs of hexadecimal digits")
      }
      return Answer(hash: PlacementBatch.number(HighwayHash.hash(bytes, key: key)))
    }

    private func hashKey() throws -> HashKey? {
      guard let key else { return nil }
      let lanes = key.map { text in
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text, radix: 16)
      }
      guard lanes.count == 4, let a = lanes[0], let b = lanes[1], let c = lanes[2],
        let d = lanes[3]
      else {
        throw CommandFailure(
          "the field \"key\" has to be 4 lanes of up to 16 hexadecimal digits, like \"0x1f\"")
      }
      return HashKey(a, b, c, d)
    }

    private func ring() throws -> Answer {
      let kind: AnchorHash.Variant
      switch variant {
      case "reference": kind = .reference
      case "production", nil: kind = .production
      case let other?:
        throw CommandFailure("there is no variant \"\(other)\"; it is reference or production")
      }
      guard let capacity else { throw CommandFailure("the field \"capacity\" is missing") }
      guard let keys else { throw CommandFailure("the field \"keys\" is missing") }
      let empty = try HashRing(
        hashKey: try hashKey() ?? .zero, capacity: capacity, variant: kind)
      var log: [HashRing.Operation] = []
      var members: Set<String> = []
      var refused: [Int] = []
      for (index, operation) in (ops ?? []).enumerated() {
        guard operation.count == 2, let verb = operation.first, let id = operation.last else {
          throw CommandFailure("the operation \(index) is not [\"add\" or \"remove\", id]")
        }
        switch verb {
        case "add" where !members.contains(id) && members.count < capacity:
          log.append(.join(MemberID(bytes: Array(id.utf8))))
          members.insert(id)
        case "remove" where members.contains(id):
          log.append(.leave(MemberID(bytes: Array(id.utf8))))
          members.remove(id)
        case "add", "remove": refused.append(index)
        default:
          throw CommandFailure("the operation \(index) is \"\(verb)\"; it is add or remove")
        }
      }
      let ring =
        log.isEmpty
        ? empty
        : try HashRing(
          hashKey: empty.hashKey, capacity: capacity, epoch: UInt64(log.count), log: log,
          variant: kind)
      return Answer(
        owners: keys.map { key in
          ring.owner(of: Array(key.utf8)).map { String(decoding: $0.bytes, as: UTF8.self) }
        }, refused: refused.isEmpty ? nil : refused, digest: PlacementBatch.number(ring.digest))
    }
  }

  private static func number(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
  }
}
