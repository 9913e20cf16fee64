import Candid
import Foundation

/// Answers the questions of `candid batch`.
enum CandidBatch {
  /// The answer to one line, with the end of its line.
  static func answer(_ line: [UInt8]) -> [UInt8] {
    var answer: Answer
    do {
      answer = try JSONDecoder().decode(Question.self, from: Data(line)).answer()
    } catch let error as CandidFailure {
      answer = Answer(ok: false, error: error.message, offset: error.offset)
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
    var offset: Int?
    var hex: String?
    var text: String?
    var subtype: Bool?
    var hash: UInt32?
  }

  private struct Question: Decodable {
    var op: String
    var defs: String?
    var type: String?
    var value: String?
    var hex: String?
    var a: String?
    var b: String?

    func answer() throws(CandidFailure) -> Answer {
      if op == "hash" { return Answer(hash: CandidLabel.hash(try require(value, "value"))) }
      let tool = try CandidTool(definitions: defs ?? "", types: type)
      switch op {
      case "encode":
        return Answer(hex: HexDigits.text(try tool.encode(try require(value, "value"))))
      case "decode":
        return Answer(text: CandidText.print(try tool.decode(try message())))
      case "subtype":
        let reason = try tool.compare(try require(a, "a"), with: try require(b, "b"))
        return Answer(subtype: reason == nil)
      case "check":
        // The definitions and the type are read already.
        if let value { _ = try tool.encode(value) }
        if hex != nil { _ = try tool.decode(try message()) }
        return Answer()
      default:
        throw CandidFailure(
          "there is no op \"\(op)\"; there are encode, decode, subtype, check and hash")
      }
    }

    private func message() throws(CandidFailure) -> [UInt8] {
      try CandidTool.message(hex: try require(hex, "hex"))
    }

    private func require(
      _ field: String?, _ name: String
    ) throws(CandidFailure) -> String {
      guard let field else { throw CandidFailure("the field \"\(name)\" is missing") }
      return field
    }
  }
}
