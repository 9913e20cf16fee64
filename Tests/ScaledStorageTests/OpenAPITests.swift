import Candid
import Foundation
import HTTPTransport
import Testing

@testable import ScaledStorage

@Suite("The interface as OpenAPI")
struct OpenAPITests {
  /// A type whose name the description has for a schema of its own.
  private struct Problem: CandidRecord {
    var text: String
    var inner: [Problem]

    static let candidFields = CandidFields(
      Problem.init(text:inner:), CandidMember("text", \.text), CandidMember("inner", \.inner))
  }

  private static let service = {
    var app = CanisterManager<Problem>(shouldScaleUp: { _ in false })
    app.update("getValue") { (context, key: String, value: Problem) in
      try context.withUpsertData(key, expiry: .never) { $0 = value }
    }
    app.query(anywhere: "hello") { _ in "hello" }
    return app
  }()

  /// Every object of the document.
  private func objects(_ value: Any) -> [[String: Any]] {
    if let object = value as? [String: Any] { return [object] + object.values.flatMap(objects) }
    if let list = value as? [Any] { return list.flatMap(objects) }
    return []
  }

  private func read(_ document: [UInt8]) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(document)) as? [String: Any])
  }

  private func item(_ document: [String: Any], _ path: String...) -> Any? {
    path.reduce(document as Any?) { value, name in (value as? [String: Any])?[name] }
  }

  /// What makes a document unusable though each of its parts is in order.
  private func check(_ document: [String: Any]) throws {
    for object in objects(document) {
      guard let reference = object["$ref"] as? String else { continue }
      let parts = reference.split(separator: "/").dropFirst().map(String.init)
      let target = parts.reduce(document as Any?) { ($0 as? [String: Any])?[$1] }
      #expect(target != nil, "\(reference) is nowhere")
    }
    let ids = objects(document).compactMap { $0["operationId"] as? String }
    #expect(Set(ids).count == ids.count)
    #expect(!objects(document).contains { $0["x-served-by"] != nil })
  }

  @Test("Every path of the description names the servers that have it")
  func servers() throws {
    let paths = OpenAPIDocument.whole["paths"]?.members ?? []
    #expect(paths.count > 15)
    let known = OpenAPIDocument.Server.allCases.map { CandidValue.text($0.rawValue) }
    for path in paths {
      guard case .vec(let servers)? = path.value["x-served-by"] else {
        Issue.record("\(path.label) does not")
        continue
      }
      #expect(!servers.isEmpty && servers.allSatisfy(known.contains))
    }
    // Modules and services cannot take the place of what is described, but for whoami.
    let own = Set(
      paths.map { String($0.label.description.dropFirst().prefix { $0 != "/" }) })
    #expect(
      own.subtracting(["", "{method}", "get_data", "update_data", "whoami"])
        .isSubset(of: ModuleInterface.reservedNames))
    #expect(ModuleInterface.reservedNames.subtracting(own) == [])
  }

  @Test("A node has the paths that it tells of, and no others")
  func nodePaths() throws {
    let node = try ServiceNode(CanisterManager<[UInt8]>(shouldScaleUp: { _ in false }))
    let document = try read(try node.send(.get, "/openapi.json").body)
    try check(document)
    let paths = try #require(document["paths"] as? [String: Any])
    #expect(paths["/kv/{key}"] != nil && paths["/{method}"] == nil && paths["/scale"] == nil)
    for path in paths.keys {
      let target = path.replacing(/{[a-z]+}/, with: "x")
      for method in [HTTPMethod.get, .post] {
        #expect(try node.send(method, target).header("ss-error") != "unknown_method", "\(path)")
      }
    }
    for name in ModuleInterface.reservedNames where !["kv", "locate"].contains(name) {
      let isThere = try node.send(.get, "/\(name)").header("ss-error") != "unknown_method"
      let isTold = paths.keys.contains { $0 == "/\(name)" || $0.hasPrefix("/\(name)/") }
      #expect(isThere == isTold, "\(name)")
    }
  }

  @Test("A service's methods, values and types are told in place of the built-in ones")
  func service() throws {
    let node = try ServiceNode(Self.service)
    let document = try read(try node.send(.get, "/openapi.json").body)
    try check(document)
    #expect(item(document, "paths", "/get_data") == nil)
    let call = item(document, "paths", "/getValue", "post") as? [String: Any] ?? [:]
    #expect(call["operationId"] as? String == "call_getValue")
    #expect(call["summary"] as? String == "`getValue : (text, Problem_) -> ()`")
    let schema = item(
      call, "requestBody", "content", "application/json", "schema", "prefixItems")
    let second = try #require((schema as? [[String: Any]])?.last)
    #expect(second["$ref"] as? String == "#/components/schemas/Problem_")
    #expect(item(document, "components", "schemas", "Problem", "properties", "code") != nil)
    #expect(item(document, "components", "schemas", "Problem_", "properties", "inner") != nil)
    #expect(item(document, "paths", "/hello", "get", "requestBody") == nil)
    let value = item(
      document, "paths", "/kv/{key}", "put", "requestBody", "content", "application/json", "schema")
    #expect((value as? [String: Any])?["$ref"] as? String == "#/components/schemas/Problem_")
    let allowed = try node.send(.delete, "/hello")
    #expect(allowed.status == 405 && allowed.header("allow") == "GET, HEAD, POST")
  }

  @Test("The methods of the module that runs are told, and are called by POST")
  func module() throws {
    let node = try ModuleNode(
      """
      (module
        (func (export "canister_update put"))
        (func (export "canister_query peek")))
      """, candid: "type entry = record { nat64; blob }; service : { put : (text, entry) -> () }")
    let document = try read(try node.send(.get, "/openapi.json").body)
    try check(document)
    #expect(item(document, "paths", "/get_data") != nil)
    #expect(item(document, "components", "schemas", "entry") != nil)
    let put = item(document, "paths", "/put", "post", "requestBody", "content") as? [String: Any]
    #expect(put?["application/json"] != nil)
    let peek = item(document, "paths", "/peek", "post", "requestBody", "content") as? [String: Any]
    #expect(peek != nil && peek?["application/json"] == nil)
    for method in [HTTPMethod.get, .put, .delete, .patch] {
      let refused = try node.send(method, "/put", Array("(\"a\", record { 1; blob \"\" })".utf8))
      #expect(refused.status == 405 && refused.header("allow") == "POST")
    }
    try node.install("(module (func (export \"canister_query other\")))")
    let later = try read(try node.send(.get, "/openapi.json").body)
    #expect(item(later, "paths", "/put") == nil && item(later, "paths", "/other") != nil)
  }
}
