package import Cluster
package import HTTPTransport
package import WireProtocol

/// A request about one key, read far enough to know where it belongs.
package struct KeyedRequest {
  package enum Kind {
    case value(KeyTarget)
    case call(KeyedCall)
  }

  package let kind: Kind
  package let key: [UInt8]
  /// How results and forward responses are written.
  package let representation: Representation
  package let forward: ForwardMode?
  package let hops: Int

  /// Whether it calls a method of the service that has no key.
  package var runsAnywhere: Bool {
    guard case .call(let call) = kind else { return false }
    return call.key.isEmpty && call.task != nil
  }

  package static let maximumHops = 4
  /// Versions have room for no more.
  private static let maximumEpoch: UInt64 = 1 << 24 - 1
  static let keyPrefix: StaticString = "/kv/"

  /// Whether the path is that of a key, and so no method's.
  package static func isKeyPath(_ exchange: Exchange) -> Bool {
    exchange.withTarget { path, _ in isKeyPath(path) }
  }

  static func isKeyPath(_ path: UnsafeRawBufferPointer) -> Bool {
    path.count >= 4 && path[0] == 0x2F && path[1] == 0x6B && path[2] == 0x76 && path[3] == 0x2F
  }

  /// Reads a request for `/kv/KEY`.
  /// - Throws: `Problem` for a key or header that cannot be read, or a method that keys lack.
  package init(value exchange: Exchange) throws(Problem) {
    switch exchange.method {
    case .get, .head, .put, .delete: break
    default: throw KeyedRequest.methodNotAllowed
    }
    let target = try KeyTarget(
      path: exchange.path.dropFirst(KeyedRequest.keyPrefix.utf8CodeUnitCount), query: exchange.query
    )
    try self.init(
      .value(target), key: target.key, exchange: exchange,
      representation: Representation.ofAnswer(
        accept: exchange.header("accept"), fallback: .json, strict: false))
  }

  /// - Throws: `Problem` 405 unless a call may be made by the exchange's HTTP method: POST, and GET
  ///   for queries without arguments.
  static func checkMethod(
    of exchange: Exchange, calling name: String, byGet: Bool
  ) throws(Problem) {
    let isGet = exchange.method == .get || exchange.method == .head
    guard exchange.method == .post || (isGet && byGet) else {
      throw .methodNotAllowed(
        allow: byGet ? "GET, HEAD, POST" : "POST",
        "call \(name) by POST, with its arguments in the body")
    }
  }

  /// Reads a call of `method`.
  /// - Throws: `Problem` for arguments or headers that cannot be read.
  package init(
    call method: KeyedMethod, _ exchange: Exchange, _ setting: CallSetting
  ) throws(Problem) {
    try KeyedRequest.checkMethod(
      of: exchange, calling: method.name, byGet: method.isQuery && method.takesNothing)
    let isGet = exchange.method == .get || exchange.method == .head
    let given =
      isGet ? .json : try Representation.ofRequest(contentType: exchange.header("content-type"))
    var setting = setting
    setting.answer = try Representation.ofAnswer(
      accept: exchange.header("accept"), fallback: given)
    let body = isGet ? [] : exchange.body
    // Nothing in the body is the arguments of a method that has none.
    let arguments = body.isEmpty && method.takesNothing ? Array("()".utf8) : body
    try self.init(
      try method.read(arguments, body.isEmpty && method.takesNothing ? .text : given, setting),
      exchange, given: given)
  }

  /// - Parameter given: how the arguments were represented.
  init(_ call: KeyedCall, _ exchange: Exchange, given: Representation) throws(Problem) {
    try self.init(
      .call(call), key: call.key, exchange: exchange,
      representation: Representation.ofAnswer(
        accept: exchange.header("accept"), fallback: given))
  }

  private static let methodNotAllowed = Problem.methodNotAllowed(
    allow: "GET, HEAD, PUT, DELETE", "a key takes GET, HEAD, PUT and DELETE")

  private init(
    _ kind: Kind, key: [UInt8], exchange: Exchange, representation: Representation
  ) throws(Problem) {
    self.kind = kind
    self.key = key
    self.representation = representation
    _ = try KeyedRequest.epoch(of: exchange)
    switch exchange.header("ss-forward") {
    case nil: forward = nil
    case "proxy"?: forward = .proxy
    case "return"?: forward = .return
    case let other?:
      throw Problem(
        400, "bad_header", "ss-forward is proxy or return, not \"\(other.prefix(40))\"")
    }
    guard let text = exchange.header("ss-hops") else {
      hops = 0
      return
    }
    guard let count = UInt64(decimal: text) else {
      throw Problem(400, "bad_header", "ss-hops is a count of hops, not \"\(text.prefix(40))\"")
    }
    guard count <= UInt64(KeyedRequest.maximumHops) else {
      var problem = Problem(
        508, "too_many_hops",
        "the request was passed on \(count) times, so nodes disagree about the owner of the key")
      problem.isRetryable = true
      throw problem
    }
    hops = Int(count)
  }

  /// The epoch of the ring by which the sender chose its receiver, where it tells.
  /// - Throws: `Problem` 400 for what is no epoch.
  static func epoch(of exchange: Exchange) throws(Problem) -> UInt64? {
    guard let text = exchange.header("ss-epoch") else { return nil }
    guard let epoch = UInt64(decimal: text), epoch <= maximumEpoch else {
      throw Problem(
        400, "bad_header",
        "ss-epoch is an epoch's number, at most \(maximumEpoch), not \"\(text.prefix(40))\"")
    }
    return epoch
  }

  /// The command at the owner.
  /// - Throws: `Problem` for a condition or a method that a key does not have.
  package func command(
    _ exchange: Exchange, _ values: StoredRepresentation, maximumValueBytes: Int
  ) throws(Problem) -> KeyCommand {
    switch kind {
    case .call(let call):
      switch call.command {
      case .put(let value, let ttl, _):
        return .put(value: value, ttl: ttl, condition: try KeyedRequest.condition(exchange))
      case .apply(_, let body):
        return .apply(if: try KeyedRequest.condition(exchange), body)
      case .get, .delete:
        return call.command
      }
    case .value(let target):
      switch exchange.method {
      case .get, .head: return .get
      case .put:
        let value = try values.stored(
          exchange.body, contentType: exchange.header("content-type"))
        try Application.checkValue(value, limit: maximumValueBytes)
        return .put(
          value: value, ttl: target.ttl, condition: try KeyedRequest.condition(exchange))
      case .delete: return .delete(condition: try KeyedRequest.condition(exchange))
      default:
        throw KeyedRequest.methodNotAllowed
      }
    }
  }

  private static func condition(_ exchange: Exchange) throws(Problem) -> KeyCommand.Condition {
    let match = exchange.header("if-match")
    let noneMatch = exchange.header("if-none-match")
    guard match == nil || noneMatch == nil else {
      throw Problem(400, "bad_condition", "send if-match or if-none-match, not both")
    }
    if let noneMatch {
      guard noneMatch.trimmed == "*" else {
        throw Problem(400, "bad_condition", "if-none-match takes * only when a key is written")
      }
      return .missing
    }
    guard let match else { return .none }
    if match.trimmed == "*" { return .exists }
    guard let version = EntityTag.version(match) else {
      throw Problem(
        400, "bad_condition",
        "if-match takes * or one version in quotes, as the etag of an answer gives it")
    }
    return .version(version)
  }
}
