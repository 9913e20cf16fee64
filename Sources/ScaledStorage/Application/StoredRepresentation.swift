import Candid
import WireProtocol

/// How clients read and write stored values of a type by `/kv/KEY`.
package enum StoredRepresentation: Sendable {
  /// As they are: any bytes.
  case bytes
  /// As they are: UTF-8.
  case utf8
  /// Binary Candid of a type, shown in each representation.
  case candid(StoredType)
  /// Candid text of a type that only its values tell.
  case text(StoredText)

  /// What is stored for the body of a PUT.
  /// - Throws: `Problem` 400 `bad_value` for what is no value, 415 for other content types.
  func stored(_ body: [UInt8], contentType: String?) throws(Problem) -> [UInt8] {
    switch self {
    case .bytes: return body
    case .utf8:
      guard String(validating: body, as: UTF8.self) != nil else {
        throw Problem(400, "bad_value", "values here are text, and the body is not UTF-8")
      }
      return body
    case .candid(let type):
      return try type.read(body, try Representation.ofRequest(contentType: contentType))
    case .text(let text):
      guard try Representation.ofRequest(contentType: contentType) == .text else {
        throw Problem(
          415, "unsupported_content_type", "values here are written as text/candid only")
      }
      let body = Array(body.drop { $0 == 0x20 || $0 == 0x0a || $0 == 0x0d || $0 == 0x09 })
      guard StoredText.isText(body) else {
        throw Problem(400, "bad_value", "a value is written in parentheses: (record { … })")
      }
      do throws(CandidError) {
        try text.check(body)
      } catch {
        throw Problem(400, "bad_value", "the body is no value: \(error.description)")
      }
      return body
    }
  }

  /// What a GET of a stored value is answered.
  /// - Throws: `Problem` 406 for representations that there are not, 500 for damaged values.
  func shown(_ stored: [UInt8], accept: String?) throws(Problem) -> Answer {
    switch self {
    case .bytes:
      return Answer(status: 200, contentType: "application/octet-stream", body: stored)
    case .utf8:
      return Answer(status: 200, contentType: "text/plain; charset=utf-8", body: stored)
    case .candid(let type):
      let representation = try Representation.ofAnswer(accept: accept, fallback: .json)
      return Answer(status: 200, representation, body: try type.write(stored, representation))
    case .text(let text):
      let representation = try Representation.ofAnswer(accept: accept, fallback: .json)
      do throws(CandidError) {
        let source = StoredText.isText(stored) ? stored : try text.text(stored)
        if representation == .text { return Answer(status: 200, representation, body: source) }
        let values = try CandidText.parseArguments(String(decoding: source, as: UTF8.self))
        let body =
          representation == .json
          ? CandidJSON.writeResults(values) + [0x0a] : try CandidBinary.encode(values)
        return Answer(status: 200, representation, body: body)
      } catch {
        throw StoredType.damaged(error)
      }
    }
  }
}

/// Values that are stored as text.
package struct StoredText: Sendable {
  /// Texts are told from binary messages, which begin with `DIDL`, by their first byte.
  static func isText(_ stored: [UInt8]) -> Bool { stored.first == UInt8(ascii: "(") }

  /// - Throws: when the bytes are no value.
  let check: @Sendable ([UInt8]) throws(CandidError) -> Void
  /// What was stored as a binary message, which has no names, as text.
  /// - Throws: when the bytes are no value.
  let text: @Sendable ([UInt8]) throws(CandidError) -> [UInt8]
}

/// A Candid type of stored values, whose Swift type is forgotten.
package struct StoredType: Sendable {
  let read: @Sendable ([UInt8], Representation) throws(Problem) -> [UInt8]
  let write: @Sendable ([UInt8], Representation) throws(Problem) -> [UInt8]
  let type: @Sendable (inout CandidTypeBuilder) -> CandidType

  init<Value: CandidConvertible>(_: Value.Type) {
    read = { body, representation throws(Problem) in
      do throws(Problem) {
        let value: Value = try representation.arguments(body, as: Value.self)
        return try Representation.candid.body(value)
      } catch {
        throw Problem(400, "bad_value", error.detail)
      }
    }
    write = { stored, representation throws(Problem) in
      let isText = StoredText.isText(stored)
      if representation == (isText ? .text : .candid) { return stored }
      let value: Value
      do throws(CandidError) {
        value = try ValueForm<Value>.candid.decode(stored)
      } catch {
        throw StoredType.damaged(error)
      }
      return try representation.body(value)
    }
    type = { types in types.type(of: Value.self) }
  }

  static func damaged(_ error: any Error) -> Problem {
    Problem(500, "bad_value", "what is stored under the key is no value of its type: \(error)")
  }
}
