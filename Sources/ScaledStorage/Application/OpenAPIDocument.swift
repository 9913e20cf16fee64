import COpenAPI
package import Candid

/// The description of the HTTP interface as an OpenAPI 3.1 document: of one server, and with the
/// methods of what it serves.
package struct OpenAPIDocument {
  /// The programs that have an HTTP interface, as the description calls them.
  package enum Server: String, CaseIterable {
    case gateway, node
  }

  var root: CandidValue
  /// The schemas that the description has of its own, whose names types cannot have.
  private let ownSchemas: Set<String>

  /// The whole description; empty if it were no JSON, which building it has made sure of.
  package static var whole: CandidValue {
    var count = 0
    let bytes = UnsafeBufferPointer(start: openapi_document(&count), count: count)
    return (try? CandidJSON.readValue(Array(bytes))) ?? .record([])
  }

  /// What one server tells of itself.
  ///
  /// - Parameter module: what runs in place of the application's methods of the same names.
  package init(of server: Server, _ application: Application, module: ModuleInterface? = nil) {
    root = OpenAPIDocument.whole
    ownSchemas = Set(root["components"]?["schemas"]?.members.map(\.label.description) ?? [])
    // The server is where the document was fetched.
    root["servers"] = nil
    root["info"]?["title"] = .text(application.title)
    let template = root["paths"]?["/{method}"]?["post"]
    keepPaths(of: server)
    root["paths"]?["/{method}"] = nil
    if !application.isBuiltIn {
      root["paths"]?["/get_data"] = nil
      root["paths"]?["/update_data"] = nil
    }
    guard let template else { return }
    describeValues(application.values)
    if !application.isBuiltIn { add(application, template) }
    if let module { add(module, template) }
  }

  /// The document as JSON.
  package var json: [UInt8] { CandidJSON.writeResults([root]) + [0x0a] }

  private mutating func keepPaths(of server: Server) {
    let paths = root["paths"]?.members ?? []
    root["paths"] = .record(
      paths.compactMap { path in
        guard case .vec(let servers)? = path.value["x-served-by"],
          servers.contains(.text(server.rawValue))
        else { return nil }
        var item = path.value
        item["x-served-by"] = nil
        return CandidFieldValue(label: path.label, value: item)
      })
  }

  /// Adds schemas of types; a type that has the name of one of ours gets another.
  /// - Returns: a function that gives a type the names that it has in the document.
  mutating func add(_ environment: CandidTypeEnvironment) -> (CandidType) -> CandidType {
    var names: [String: String] = [:]
    var taken = ownSchemas
    for name in environment.definitions.keys.sorted() {
      // OpenAPI takes few characters in names; Swift's types may have others.
      var free = String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
      while !taken.insert(free).inserted { free += "_" }
      names[name] = free
    }
    let rename = { (type: CandidType) in type.renamed(names) }
    for (name, type) in environment.definitions.sorted(by: { $0.key < $1.key }) {
      root["components"]?["schemas"]?[names[name] ?? name] = JSONSchema(of: rename(type)).value
    }
    return rename
  }

  /// Tells how the application's values go in and out, unless as bytes of any kind.
  private mutating func describeValues(_ values: StoredRepresentation) {
    let read: CandidValue
    var written: CandidValue?
    switch values {
    case .bytes: return
    case .utf8: read = .record(fields: ["text/plain": .record([])])
    case .candid(let type):
      var types = CandidTypeBuilder(namesTypes: true)
      let type = type.type(&types)
      read = OpenAPIDocument.content(JSONSchema(of: add(types.environment)(type)).value)
    case .text:
      read = OpenAPIDocument.content(.record([]))
      written = .record(fields: ["text/candid": OpenAPIDocument.media("CandidText")])
    }
    root["paths"]?["/kv/{key}"]?["get"]?["responses"]?["200"]?["content"] = read
    root["paths"]?["/kv/{key}"]?["put"]?["requestBody"]?["content"] = written ?? read
  }

  /// A body in each of Candid's representations.
  static func content(_ schema: CandidValue?) -> CandidValue {
    var content = [
      CandidFieldValue("text/candid", media("CandidText")),
      CandidFieldValue("application/candid", media("CandidBinary")),
    ]
    if let schema {
      content.append(CandidFieldValue("application/json", .record(fields: ["schema": schema])))
    }
    return .record(content)
  }

  private static func media(_ schema: String) -> CandidValue {
    .record(fields: [
      "schema": .record(fields: ["$ref": .text("#/components/schemas/\(schema)")])
    ])
  }
}

extension CandidValue {
  /// The fields of a record, in their order.
  var members: [CandidFieldValue] {
    if case .record(let fields) = self { fields } else { [] }
  }

  /// A member of an object; what is set anew comes behind the others.
  subscript(member: String) -> CandidValue? {
    get { members.first { $0.label.description == member }?.value }
    set {
      guard case .record(var fields) = self else { return }
      let place = fields.firstIndex { $0.label.description == member }
      switch (place, newValue) {
      case (let place?, let value?): fields[place].value = value
      case (let place?, nil): fields.remove(at: place)
      case (nil, let value?): fields.append(CandidFieldValue(member, value))
      case (nil, nil): return
      }
      self = .record(fields)
    }
  }
}

extension CandidType {
  /// The type with other names for those that it refers to.
  fileprivate func renamed(_ names: [String: String]) -> CandidType {
    let fields = { (fields: [CandidField]) in
      fields.map { CandidField(label: $0.label, type: $0.type.renamed(names)) }
    }
    return switch self {
    case .named(let name): .named(names[name] ?? name)
    case .opt(let inner): .opt(inner.renamed(names))
    case .vec(let inner): .vec(inner.renamed(names))
    case .record(let members): .record(fields(members))
    case .variant(let cases): .variant(fields(cases))
    // JSON has references as text, whatever they refer to.
    default: self
    }
  }
}
