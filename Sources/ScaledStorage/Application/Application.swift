package import WireProtocol
package import Candid
package import Cluster

/// A method that a node offers beside those of the cluster, the types of its values forgotten.
package struct KeyedMethod: Sendable {
  package let name: String
  package let isQuery: Bool
  /// Whether its first argument is a key; else it runs wherever it is asked.
  package let isKeyed: Bool
  /// Whether it has no arguments.
  package let takesNothing: Bool
  /// Reads a call out of the arguments in a body.
  package let read:
    @Sendable (_ body: [UInt8], Representation, CallSetting) throws(Problem) -> KeyedCall
  /// The types of its arguments and results.
  package var types: @Sendable (inout CandidTypeBuilder) -> CandidFunction
}

/// What a node knows of a call before it reads the arguments.
package struct CallSetting: Sendable {
  package var request: CallRequest
  /// The node that runs the method; anonymous where it is only passed on.
  package var node: Principal
  /// Milliseconds since 1970.
  package var now: UInt64
  package var maximumValueBytes: Int
  /// How the results are wanted, where that is not how the arguments came.
  package var answer: Representation?

  package init(
    request: CallRequest, node: Principal, now: UInt64, maximumValueBytes: Int,
    answer: Representation? = nil
  ) {
    self.request = request
    self.answer = answer
    self.node = node
    self.now = now
    self.maximumValueBytes = maximumValueBytes
  }
}

/// A call of a method, its arguments read.
package struct KeyedCall {
  /// Where the call belongs; empty for a method without key.
  package let key: [UInt8]
  /// What the owner is to do; for a task only whether it reads or writes.
  package let command: KeyCommand
  /// Makes the results of what became of the command at a node.
  package let conclude:
    (_ reply: KeyReply, _ node: Principal, Representation) throws(Problem) -> CallResult
  /// Runs a method that waits, in place of the command.
  package var task: Task?

  /// Throws `ForwardRequired`, `CallError`, or what the method throws.
  package typealias Task =
    @Sendable (any KeySpace, Representation) async throws -> CallResult

  package init(
    key: [UInt8], command: KeyCommand, task: Task? = nil,
    conclude:
      @escaping (KeyReply, Principal, Representation) throws(Problem) -> CallResult
  ) {
    self.key = key
    self.command = command
    self.conclude = conclude
    self.task = task
  }

  /// Whether it changes nothing.
  package var isQuery: Bool {
    if case .get = command { true } else { false }
  }
}

/// The results of a call.
package struct CallResult: Sendable {
  package var body: [UInt8]
  /// The version that stands under the key.
  package var version: Version?
  /// What the call used; nil for what is not metered.
  var fuel: UInt64?
}

/// What a service does with its keys: its methods, the form of its values, who may call, when it
/// grows.
package struct Application: Sendable {
  /// What its OpenAPI document is called.
  package var title = "ScaledStorage"
  /// Whether it is what nodes serve without a service of their own, of which the description of
  /// the HTTP interface tells already.
  package var isBuiltIn = false
  package private(set) var methods: [String: KeyedMethod] = [:]
  package var values: StoredRepresentation
  package var policy: ScalePolicy?
  /// The number of the first node of a new cluster.
  package var firstNode: UInt64 = 1
  package var middleware: [@Sendable (inout CallRequest) throws -> Void] = []
  /// Header fields that middleware reads, in lower case: whoever passes a request on passes them
  /// on as well.
  package var passedFields: [StaticString] = []
  package var hooks = Hooks()
  /// What is wrong with the definition, a sentence each.
  package private(set) var mistakes: [String] = []

  package init(values: StoredRepresentation) {
    self.values = values
  }

  mutating func add(_ method: KeyedMethod) {
    if let mistake = Application.mistake(in: method.name) {
      mistakes.append("the method \"\(method.name)\" \(mistake)")
    } else if methods[method.name] != nil {
      mistakes.append("the method \"\(method.name)\" is defined twice")
    }
    methods[method.name] = method
  }

  /// Whether values go in and out as they are, and nobody looks at requests before.
  var servesPlainly: Bool {
    guard middleware.isEmpty, case .bytes = values else { return false }
    return true
  }

  /// Fields that belong to one connection or to the body (RFC 9110 section 7.6.1).
  private static let transportFields: Set<String> = [
    "connection", "content-encoding", "content-length", "host", "keep-alive", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
  ]

  mutating func addPassedFields(_ fields: [StaticString]) {
    for field in (["authorization", "cookie"] as [StaticString]) + fields {
      let name = "\(field)"
      if name != name.lowercased() || !(1...63).contains(name.utf8.count) {
        mistakes.append("the header field \"\(name)\" is not 1 to 63 characters in lower case")
      } else if name.hasPrefix("ss-") || Application.transportFields.contains(name) {
        mistakes.append("the header field \"\(name)\" is the protocol's own")
      }
      if !passedFields.contains(where: { "\($0)" == name }) { passedFields.append(field) }
    }
  }

  mutating func addMistake(_ sentence: String) {
    mistakes.append(sentence)
  }

  private static func mistake(in name: String) -> String? {
    if ModuleInterface.reservedNames.contains(name) {
      return "has the name of one of the cluster's own; choose another"
    }
    let isWord = name.utf8.allSatisfy { byte in
      UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
        || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || byte == UInt8(ascii: "_")
        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }
    return (1...64).contains(name.utf8.count) && isWord
      ? nil : "is no path; a name has 1 to 64 letters, digits, _, - and ."
  }

  package static func checkValue(_ value: [UInt8], limit: Int) throws(Problem) {
    guard value.count <= limit else { throw tooLarge(value.count, limit: limit) }
  }

  static func tooLarge(_ count: Int, limit: Int) -> Problem {
    Problem(413, "value_too_large", "the value has \(count) bytes; at most \(limit) are taken")
  }
}
