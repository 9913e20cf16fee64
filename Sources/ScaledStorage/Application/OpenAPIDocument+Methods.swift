import Candid

/// The methods of a service or of a module, each as the description tells of any method.
extension OpenAPIDocument {
  /// A method, as far as it is known.
  private struct Method {
    var name: String
    var isQuery: Bool
    /// Its parameters and results, under the names that their types have in the document; nil where
    /// the module does not tell.
    var function: CandidFunction?
    /// Which argument is the key, where that is known.
    var key: Int?
  }

  mutating func add(_ application: Application, _ template: CandidValue) {
    var types = CandidTypeBuilder(namesTypes: true)
    let methods = application.methods.values.sorted { $0.name < $1.name }
    let functions = methods.map { $0.types(&types) }
    let rename = add(types.environment)
    for (method, function) in zip(methods, functions) {
      add(
        Method(
          name: method.name, isQuery: method.isQuery, function: function.renamed(rename),
          key: method.isKeyed ? 0 : nil), template)
    }
  }

  mutating func add(_ module: ModuleInterface, _ template: CandidValue) {
    let rename = add(module.candid?.environment ?? CandidTypeEnvironment())
    for method in module.methods {
      add(
        Method(
          name: method.name, isQuery: method.isQuery,
          function: module.candid?.method(method.name)?.renamed(rename), key: method.keyArgument),
        template)
    }
  }

  private mutating func add(_ method: Method, _ template: CandidValue) {
    var operation = template
    operation["operationId"] = .text(freeOperation(method.name))
    operation["description"] = nil
    let kind = method.isQuery ? "A query" : "An update"
    operation["summary"] = .text(
      method.function.map { "`\(method.name) : \($0.text)`" } ?? "\(kind) that tells no types.")
    if method.isQuery { operation["parameters"] = OpenAPIDocument.reading(operation["parameters"]) }
    operation["requestBody"] = .record(fields: [
      "required": .bool(method.function?.parameters.isEmpty != true),
      "content": OpenAPIDocument.content(
        method.function.map { JSONSchema(ofArguments: $0.parameters, key: method.key).value }),
    ])
    operation["responses"]?["200"]?["content"] = OpenAPIDocument.content(
      method.function.map { JSONSchema(ofResults: $0.results).value })
    var path = CandidValue.record(fields: ["post": operation])
    if method.isQuery, method.function?.parameters.isEmpty == true {
      operation["operationId"] = .text(freeOperation(method.name + "_get"))
      operation["requestBody"] = nil
      path["get"] = operation
    }
    root["paths"]?["/" + OpenAPIDocument.escaped(method.name)] = path
  }

  /// A query takes no conditions, and does not mind by which ring its sender chose the node.
  private static func reading(_ parameters: CandidValue?) -> CandidValue? {
    guard case .vec(let all)? = parameters else { return parameters }
    let writing = ["IfMatch", "IfNoneMatch", "RequestEpoch"].map {
      CandidValue.text("#/components/parameters/\($0)")
    }
    return .vec(all.filter { $0["$ref"].map { !writing.contains($0) } ?? true })
  }

  /// Braces in a path would stand for a parameter.
  private static func escaped(_ name: String) -> String {
    var path = ""
    for character in name {
      switch character {
      case "{": path += "%7B"
      case "}": path += "%7D"
      default: path.append(character)
      }
    }
    return path
  }

  /// An id for the operation of a method: ids are unique in a document, and some are ours.
  private func freeOperation(_ name: String) -> String {
    let taken = (root["paths"]?.members ?? []).flatMap { path in
      path.value.members.compactMap { $0.value["operationId"] }
    }
    return taken.contains(.text(name)) ? "call_\(name)" : name
  }
}

extension CandidFunction {
  fileprivate func renamed(_ rename: (CandidType) -> CandidType) -> CandidFunction {
    CandidFunction(parameters.map(rename), results.map(rename), annotations)
  }

  /// As a `.did` file has it.
  fileprivate var text: String {
    let text = CandidType.function(self).description
    return text.hasPrefix("func ") ? String(text.dropFirst(5)) : text
  }
}
