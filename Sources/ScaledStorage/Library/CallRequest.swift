public import Candid
package import HTTPTransport
public import WireProtocol

/// A request as middleware sees it, before its method runs or its value is read or written.
public struct CallRequest: Sendable {
  /// The name of the method; nil for a request for a value, `/kv/KEY`.
  public let method: String?
  /// GET, HEAD, POST, PUT or DELETE.
  public let httpMethod: String
  /// The path of the target, percent-encoded, such as `/kv/greeting`.
  public let path: String
  /// Whether it came over TLS.
  public let isSecure: Bool
  /// Who calls, as the methods see it: anonymous unless middleware finds out.
  public var caller = Principal.anonymous
  /// What the access file calls who sends the request, or "anonymous", whatever middleware finds.
  public var callerName: String { sender?.name ?? "anonymous" }
  /// What the cluster lets the sender do; it may at least do this.
  public var callerRole: Role { sender?.role ?? .write }
  /// Nil where everybody may do the same.
  package var sender: Caller?
  private let fields: RequestFields
  /// When the caller stops waiting; nil when it did not tell.
  package var deadline: MonotonicTime?

  /// Whether the request writes: a PUT or DELETE of a value, or a call of an update.
  public let isUpdate: Bool

  package init(
    method: String?, httpMethod: String, path: String, isSecure: Bool, isUpdate: Bool,
    fields: RequestFields
  ) {
    self.method = method
    self.httpMethod = httpMethod
    self.path = path
    self.isSecure = isSecure
    self.isUpdate = isUpdate
    self.fields = fields
  }

  /// - Parameter fields: names in lower case.
  package init(
    method: String?, httpMethod: String, path: String, isSecure: Bool, isUpdate: Bool,
    fields: [(name: String, value: String)] = []
  ) {
    self.init(
      method: method, httpMethod: httpMethod, path: path, isSecure: isSecure, isUpdate: isUpdate,
      fields: RequestFields(fields))
  }

  /// The first value of a header field, nil when it is absent; case does not matter.
  ///
  /// A gateway that proxies passes on `authorization`, `cookie` and the fields that
  /// ``CanisterManager/use(passing:_:)`` names, besides those of HTTP.
  public func header(_ name: String) -> String? {
    fields.first(name.lowercased())
  }

  /// The token of `authorization: Bearer TOKEN` (RFC 6750 section 2.1), nil when there is none.
  public var bearerToken: String? {
    guard let value = header("authorization") else { return nil }
    let parts = value.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    return String(parts[1].drop { $0 == " " })
  }
}
