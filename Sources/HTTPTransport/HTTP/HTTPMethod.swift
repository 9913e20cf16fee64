/// A request's method (RFC 9110 section 9).
public enum HTTPMethod: Hashable, Sendable, CustomStringConvertible {
  case get
  case head
  case put
  case post
  case delete
  case options
  case patch
  /// Any other token, as it was sent; methods are case-sensitive.
  case other(String)

  public init(_ name: String) {
    self =
      switch name {
      case "GET": .get
      case "HEAD": .head
      case "PUT": .put
      case "POST": .post
      case "DELETE": .delete
      case "OPTIONS": .options
      case "PATCH": .patch
      default: .other(name)
      }
  }

  init(bytes: UnsafeRawBufferPointer) {
    // Compared as bytes: a string would be allocated for the longer of them.
    if bytes.equals("GET") {
      self = .get
    } else if bytes.equals("PUT") {
      self = .put
    } else if bytes.equals("POST") {
      self = .post
    } else if bytes.equals("HEAD") {
      self = .head
    } else if bytes.equals("DELETE") {
      self = .delete
    } else {
      self.init(String(decoding: bytes, as: UTF8.self))
    }
  }

  public var description: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .put: "PUT"
    case .post: "POST"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .patch: "PATCH"
    case .other(let name): name
    }
  }
}

/// Which protocol carries an exchange.
public enum HTTPVersion: Hashable, Sendable {
  case http1
  case http2
}
