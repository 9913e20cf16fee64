package import Candid
import Cluster

/// A method that works on one key, at the key's owner.
package struct KeyedMethod: Sendable {
  package let name: String
  package let isQuery: Bool
  package let parameters: CandidSignature
  package let results: CandidSignature
  /// The key and the command that the arguments ask for.
  let command: @Sendable ([CandidValue]) throws(Problem) -> (key: [UInt8], command: KeyCommand)
  /// The results of what became of the command.
  let conclude:
    @Sendable (_ reply: KeyReply, _ arguments: [CandidValue], _ node: Principal) throws(Problem)
      -> [CandidValue]

  /// The key that the arguments name: where the call belongs.
  package func key(of arguments: [CandidValue]) throws(Problem) -> [UInt8] {
    try command(arguments).key
  }
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

  /// `node_result`.
  private static let resultType = CandidType.record(fields: ["data": .text, "from": .principal])

  private static func result(_ data: String, from node: Principal) -> [CandidValue] {
    [.record(fields: ["data": .text(data), "from": .principal(node)])]
  }

  private static let getData = KeyedMethod(
    name: "get_data", isQuery: true, parameters: .checked([.text]),
    results: .checked([resultType]),
    command: { arguments throws(Problem) in (try textKey(arguments), .get) },
    conclude: { reply, _, node throws(Problem) in
      guard case .value(let record) = reply, let value = record.value else {
        throw Problem(404, "not_found", "there is no value under this key")
      }
      guard let text = String(validating: value, as: UTF8.self) else {
        throw Problem(
          409, "not_text", "the value is not UTF-8 text; read its bytes by GET /kv/KEY")
      }
      return result(text, from: node)
    })

  private static func updateData(maximumValueBytes: Int) -> KeyedMethod {
    KeyedMethod(
      name: "update_data", isQuery: false, parameters: .checked([.text, .text]),
      results: .checked([resultType]),
      command: { arguments throws(Problem) in
        let value = Array(text(arguments, 1).utf8)
        try checkValue(value, limit: maximumValueBytes)
        return (try textKey(arguments), .put(value: value, ttl: nil, condition: .none))
      },
      conclude: { _, arguments, node throws(Problem) in
        result(text(arguments, 1), from: node)
      })
  }

  private static func text(_ arguments: [CandidValue], _ index: Int) -> String {
    // Arguments were decoded at the method's signature.
    guard arguments.indices.contains(index), case .text(let text) = arguments[index] else {
      return ""
    }
    return text
  }

  private static func textKey(_ arguments: [CandidValue]) throws(Problem) -> [UInt8] {
    let key = Array(text(arguments, 0).utf8)
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
