/// A JSON value (RFC 8259), and where in the text it stands.
struct JSONNode {
  enum Content {
    case null
    case bool(Bool)
    /// As written; the grammar has been checked.
    case number([UInt8])
    case string(String)
    case array([JSONNode])
    case object([Member])
  }

  struct Member {
    let name: String
    let value: JSONNode
  }

  let offset: Int
  let content: Content

  /// For messages.
  var kind: String {
    switch content {
    case .null: "null"
    case .bool: "a bool"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}
