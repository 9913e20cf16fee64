import Candid
import Cluster
import WireProtocol

/// A method that works on one key, at the key's owner.
package struct KeyedMethod: Sendable {
  package let name: String
  /// Reads a call out of the arguments in a body.
  let read: @Sendable (_ body: [UInt8], Representation) throws(Problem) -> KeyedCall
}

/// A call of a keyed method, its arguments read.
package struct KeyedCall {
  /// Where the call belongs.
  let key: [UInt8]
  /// What the owner is to do.
  let command: KeyCommand
  /// Makes the results of what became of the command at a node.
  let conclude: (_ reply: KeyReply, _ node: Principal, Representation) throws(Problem) -> CallResult
}

/// The results of a call.
struct CallResult {
  var body: [UInt8]
  /// The version that stands under the key.
  var version: Version?
  /// What the call used; nil for what is not metered.
  var fuel: UInt64?
}

/// The methods that a node offers beside those of the cluster.
package struct Application: Sendable {
  package let methods: [String: KeyedMethod]

  package init(methods: [KeyedMethod]) {
    self.methods = Dictionary(methods.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
  }

  /// The built-in application: text under keys, by `get_data` and `update_data`.
  package static func builtIn(maximumValueBytes: Int) -> Application {
    Application(methods: [getData, updateData(maximumValueBytes: maximumValueBytes)])
  }

  private static let getData = KeyedMethod(
    name: "get_data",
    read: { body, representation throws(Problem) in
      KeyedCall(
        key: try textKey(representation.arguments(body, as: String.self)), command: .get
      ) { reply, node, representation throws(Problem) in
        guard case .value(let record) = reply, let value = record.value else {
          throw Problem(404, "not_found", "there is no value under this key")
        }
        guard let text = String(validating: value, as: UTF8.self) else {
          throw Problem(
            409, "not_text", "the value is not UTF-8 text; read its bytes by GET /kv/KEY")
        }
        return CallResult(
          body: try representation.body(TextResult(data: text, from: node)),
          version: record.version)
      }
    })

  private static func updateData(maximumValueBytes: Int) -> KeyedMethod {
    KeyedMethod(
      name: "update_data",
      read: { body, representation throws(Problem) in
        let (key, text) = try representation.arguments(body, as: String.self, String.self)
        let value = Array(text.utf8)
        try checkValue(value, limit: maximumValueBytes)
        return KeyedCall(
          key: try textKey(key), command: .put(value: value, ttl: nil, condition: .none)
        ) { reply, node, representation throws(Problem) in
          var result = CallResult(
            body: try representation.body(TextResult(data: text, from: node)))
          if case .stored(let version, _) = reply { result.version = version }
          return result
        }
      })
  }

  private static func textKey(_ text: String) throws(Problem) -> [UInt8] {
    let key = Array(text.utf8)
    try KeyTarget.validate(key)
    return key
  }

  static func checkValue(_ value: [UInt8], limit: Int) throws(Problem) {
    guard value.count <= limit else {
      throw Problem(
        413, "value_too_large", "the value has \(value.count) bytes; at most \(limit) are taken")
    }
  }
}

/// `node_result`.
private struct TextResult: CandidRecord {
  var data: String
  var from: Principal

  static let candidFields = CandidFields(
    TextResult.init(data:from:), CandidMember("data", \.data), CandidMember("from", \.from))
}
