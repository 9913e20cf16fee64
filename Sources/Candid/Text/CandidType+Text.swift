extension CandidType: CustomStringConvertible {
  /// In Candid's text format, on one line.
  public var description: String {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func append(to bytes: inout [UInt8]) {
    switch self {
    case .opt(let inner):
      bytes.append(contentsOf: "opt ".utf8)
      inner.append(to: &bytes)
    case .vec(.nat8):
      bytes.append(contentsOf: "blob".utf8)
    case .vec(let element):
      bytes.append(contentsOf: "vec ".utf8)
      element.append(to: &bytes)
    case .record(let fields):
      Self.append("record", fields, to: &bytes) { field, bytes in
        bytes.appendLabel(field.label)
        bytes.append(contentsOf: " : ".utf8)
        field.type.append(to: &bytes)
      }
    case .variant(let cases):
      Self.append("variant", cases, to: &bytes) { tag, bytes in
        bytes.appendLabel(tag.label)
        if tag.type == .null { return }
        bytes.append(contentsOf: " : ".utf8)
        tag.type.append(to: &bytes)
      }
    case .function(let function):
      bytes.append(contentsOf: "func ".utf8)
      function.append(to: &bytes)
    case .service(let methods):
      Self.append("service", methods, to: &bytes) { method, bytes in
        bytes.appendName(method.name)
        bytes.append(contentsOf: " : ".utf8)
        if case .function(let function) = method.type {
          function.append(to: &bytes)
        } else {
          method.type.append(to: &bytes)
        }
      }
    case .named(let name): bytes.appendName(name)
    default: bytes.append(contentsOf: primitiveName.utf8)
    }
  }

  private static func append<Element>(
    _ word: String, _ elements: [Element], to bytes: inout [UInt8],
    _ element: (Element, inout [UInt8]) -> Void
  ) {
    bytes.append(contentsOf: "\(word) {".utf8)
    for (index, part) in elements.enumerated() {
      bytes.append(contentsOf: (index == 0 ? " " : "; ").utf8)
      element(part, &bytes)
    }
    bytes.append(contentsOf: (elements.isEmpty ? "}" : " }").utf8)
  }

  private var primitiveName: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .nat: "nat"
    case .int: "int"
    case .nat8: "nat8"
    case .nat16: "nat16"
    case .nat32: "nat32"
    case .nat64: "nat64"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .float32: "float32"
    case .float64: "float64"
    case .text: "text"
    case .reserved: "reserved"
    case .empty: "empty"
    case .principal: "principal"
    default: ""
    }
  }

  fileprivate static func append(_ types: [CandidType], to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "("))
    for (index, type) in types.enumerated() {
      if index > 0 { bytes.append(contentsOf: ", ".utf8) }
      type.append(to: &bytes)
    }
    bytes.append(UInt8(ascii: ")"))
  }
}

extension CandidFunction: CustomStringConvertible {
  /// As behind a method's name: `(text) -> (nat) query`.
  public var description: String {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  fileprivate func append(to bytes: inout [UInt8]) {
    CandidType.append(parameters, to: &bytes)
    bytes.append(contentsOf: " -> ".utf8)
    CandidType.append(results, to: &bytes)
    for annotation in annotations {
      switch annotation {
      case .query: bytes.append(contentsOf: " query".utf8)
      case .oneway: bytes.append(contentsOf: " oneway".utf8)
      case .compositeQuery: bytes.append(contentsOf: " composite_query".utf8)
      }
    }
  }
}
