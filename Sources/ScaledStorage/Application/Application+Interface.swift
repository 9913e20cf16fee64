package import Candid
import WireProtocol

extension Application {
  /// The methods as a Candid service, in the order of their names. Types of records and variants
  /// have the names that they have in Swift.
  package var candidInterface: CandidInterface {
    var types = CandidTypeBuilder(namesTypes: true)
    let methods = methods.values.sorted { $0.name < $1.name }.map { method in
      CandidMethod(method.name, .function(method.types(&types)))
    }
    return CandidInterface(environment: types.environment, service: .service(methods))
  }

  /// ``candidInterface`` as the source of a `.did` file.
  package var candidText: String { candidInterface.description }

  /// The methods, and values by `/kv/KEY`, as an OpenAPI 3.1 document.
  package func openAPI() -> [UInt8] {
    var types = CandidTypeBuilder(namesTypes: true)
    var paths: [CandidFieldValue] = []
    for method in methods.values.sorted(by: { $0.name < $1.name }) {
      let function = method.types(&types)
      paths.append(CandidFieldValue("/" + method.name, OpenAPI.path(of: method, function)))
    }
    let value: CandidValue
    var written: CandidValue?
    switch values {
    case .bytes: value = OpenAPI.body("application/octet-stream")
    case .utf8: value = OpenAPI.body("text/plain")
    case .candid(let type): value = OpenAPI.content(JSONSchema(of: type.type(&types)).value)
    case .text:
      value = OpenAPI.content(OpenAPI.object([]))
      written = OpenAPI.body("text/candid")
    }
    paths.append(
      CandidFieldValue("/kv/{key}", OpenAPI.valuePath(read: value, written: written ?? value)))
    let schemas = types.environment.definitions.sorted { $0.key < $1.key }.map { name, type in
      CandidFieldValue(name, JSONSchema(of: type).value)
    }
    let document = OpenAPI.object([
      ("openapi", .text("3.1.0")),
      (
        "info",
        OpenAPI.object([("title", .text(title)), ("version", .text(scaledStorageVersion))])
      ),
      ("paths", .record(paths)),
      (
        "components",
        OpenAPI.object([
          ("schemas", .record(schemas + [CandidFieldValue("problem-details", OpenAPI.problem)]))
        ])
      ),
    ])
    return CandidJSON.writeResults([document]) + [0x0a]
  }
}

/// The parts of an OpenAPI document, as data for the JSON writer.
private enum OpenAPI {
  static func object(_ fields: [(String, CandidValue)]) -> CandidValue {
    .record(fields.map { CandidFieldValue($0.0, $0.1) })
  }

  static func content(_ schema: CandidValue) -> CandidValue {
    object([
      ("application/json", object([("schema", schema)])),
      ("text/candid", object([("schema", object([("type", .text("string"))]))])),
      ("application/candid", object([("schema", object([]))])),
    ])
  }

  private static func response(_ description: String, _ content: CandidValue?) -> CandidValue {
    object(
      [("description", .text(description))] + (content.map { [("content", $0)] } ?? []))
  }

  private static let refusal = response(
    "The call was refused.",
    object([
      (
        "application/problem+json",
        object([("schema", object([("$ref", .text("#/components/schemas/problem-details"))]))])
      )
    ]))

  private static let forward = response(
    "The key lives at another node, which location names.",
    content(
      object([
        ("type", .text("object")),
        ("properties", object([("NodeId", object([("type", .text("string"))]))])),
      ])))

  static let problem = object([
    ("type", .text("object")), ("required", .vec(["title", "status", "detail", "code"].map(text))),
    (
      "properties",
      object([
        ("type", object([("type", .text("string"))])),
        ("title", object([("type", .text("string"))])),
        ("status", object([("type", .text("integer"))])),
        ("detail", object([("type", .text("string"))])),
        ("code", object([("type", .text("string"))])),
        ("retryable", object([("type", .text("boolean"))])),
      ])
    ),
  ])

  private static func text(_ word: String) -> CandidValue { .text(word) }

  static func path(of method: KeyedMethod, _ function: CandidFunction) -> CandidValue {
    let result = response("The result.", content(results(function.results)))
    let responses = object([("200", result), ("307", forward), ("default", refusal)])
    var operations = [
      (
        "post",
        object([
          ("operationId", .text(method.name)),
          (
            "requestBody",
            object([
              ("required", .bool(!method.takesNothing)),
              ("content", content(arguments(function.parameters))),
            ])
          ),
          ("responses", responses),
        ])
      )
    ]
    if method.isQuery, method.takesNothing {
      operations.append(
        (
          "get",
          object([("operationId", .text("\(method.name)_get")), ("responses", responses)])
        ))
    }
    return object(operations)
  }

  /// A list of arguments is an array; a single one may stand by itself.
  private static func arguments(_ types: [CandidType]) -> CandidValue {
    let list = JSONSchema.list(types)
    guard types.count == 1 else { return list }
    return object([("anyOf", .vec([list, JSONSchema(of: types[0]).value]))])
  }

  private static func results(_ types: [CandidType]) -> CandidValue {
    switch types.count {
    case 0: object([("type", .text("null"))])
    case 1: JSONSchema(of: types[0]).value
    default: JSONSchema.list(types)
    }
  }

  static func body(_ mediaType: String) -> CandidValue {
    object([(mediaType, object([("schema", object([]))]))])
  }

  static func valuePath(read: CandidValue, written: CandidValue) -> CandidValue {
    let key = object([
      ("name", .text("key")), ("in", .text("path")), ("required", .bool(true)),
      ("schema", object([("type", .text("string"))])),
    ])
    let done = response("Done; etag is the version.", nil)
    return object([
      ("parameters", .vec([key])),
      (
        "get",
        object([
          ("operationId", .text("read_value")),
          (
            "responses",
            object([
              ("200", response("The value.", read)), ("307", forward), ("default", refusal),
            ])
          ),
        ])
      ),
      (
        "put",
        object([
          ("operationId", .text("write_value")),
          ("requestBody", object([("required", .bool(true)), ("content", written)])),
          (
            "responses",
            object([("200", done), ("201", done), ("307", forward), ("default", refusal)])
          ),
        ])
      ),
      (
        "delete",
        object([
          ("operationId", .text("remove_value")),
          ("responses", object([("204", done), ("307", forward), ("default", refusal)])),
        ])
      ),
    ])
  }
}
