import Candid
import Cluster
import WireProtocol

extension Application {
  /// What a node serves that was given no service of its own: any bytes by `/kv/KEY`, and text by
  /// the original's `get_data` and `update_data`.
  package static let builtIn: Application = {
    var service = CanisterManager<[UInt8]>(policy: .threshold(keys: .max))
    service.query("get_data") { (context, key: String) in
      guard let bytes = try context.withData(key, { $0 }).orForward() else {
        throw CallError.notFound("there is no value under this key")
      }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw CallError(
          status: 409, code: "not_text",
          "the value is not UTF-8 text; read its bytes by GET /kv/KEY")
      }
      return TextResult(data: text, from: context.node)
    }
    service.update("update_data") { (context, key: String, text: String) in
      try context.withUpsertData(key, expiry: .never) { $0 = Array(text.utf8) }
      return TextResult(data: text, from: context.node)
    }
    var application = service.application
    // Whoever runs it chooses when it grows.
    application.policy = nil
    application.isBuiltIn = true
    return application
  }()
}

/// `node_result`.
private struct TextResult: CandidRecord {
  var data: String
  var from: Principal

  static let candidFields = CandidFields(
    TextResult.init(data:from:), CandidMember("data", \.data), CandidMember("from", \.from))
}
