/// A request to be sent by an ``HTTPClient``.
public struct ClientRequest: Sendable {
  public var method: HTTPMethod
  /// Path and query as sent in `:path` (percent-encoded, begins with "/").
  public var target: String
  /// Further fields. Names in lower case; connection-specific fields, `host` and names that begin
  /// with ":" are refused (RFC 9113 section 8.2.2).
  public var headers: [(name: String, value: String)]
  /// Sent under flow control straight from this array.
  public var body: [UInt8]
  /// What `:authority` says; nil for the peer's address.
  public var authority: String?
  /// Fields that follow the body (RFC 9110 section 6.5), under the rules of `headers`. Our servers
  /// count and drop them.
  public var trailers: [(name: String, value: String)] = []

  public init(
    method: HTTPMethod = .get, target: String, headers: [(name: String, value: String)] = [],
    body: [UInt8] = [], authority: String? = nil
  ) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    self.authority = authority
  }
}

/// A whole response: interim (1xx) responses are skipped.
public struct ClientResponse: Sendable, Equatable {
  /// 200 ... 599 as a rule; the peer may send any final status from 200 to 999.
  public let status: Int
  public let headers: HeaderBlock
  public let body: [UInt8]
  /// Fields that came after the body; they count towards the limits of the header section.
  public internal(set) var trailers = HeaderBlock()

  /// Value of the first header field with that name (lower case).
  public func header(_ name: StaticString) -> String? { headers.first(name) }
}

/// Names one request of one ``HTTPClient`` until it completes; never used again after that.
public struct RequestID: Hashable, Sendable {
  let slot: Int32
  let generation: UInt32
}
