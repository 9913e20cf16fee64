/// An `http://host:port/path` or `https://host:port/path` URL, as commands take it and forward
/// responses carry it in `location`: where to connect and what to ask for.
public struct HTTPEndpoint: Hashable, Sendable, CustomStringConvertible {
  /// Whether the URL asks for TLS.
  public let isSecure: Bool
  /// Host as written, without brackets.
  public let host: String
  public let port: UInt16
  /// Path and query; "/" when the URL ends after the port.
  public let target: String

  /// Reads an absolute URL with the scheme `http`, whose port defaults to 80, or `https`, 443.
  /// - Throws: `.invalidAddress`, saying what to write instead.
  public init(_ url: String) throws(TransportError) {
    guard let colon = url.firstRange(of: "://") else {
      throw Self.invalid(url, "has no scheme; write it as http://HOST:PORT/PATH")
    }
    switch url[..<colon.lowerBound].lowercased() {
    case "http": isSecure = false
    case "https": isSecure = true
    case let scheme:
      throw Self.invalid(url, "has the scheme '\(scheme)'; only http and https are spoken")
    }
    let rest = url[colon.upperBound...]
    guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Self.invalid(url, "has blanks or characters beyond ASCII; percent-encode them")
    }
    guard !rest.contains("#") else {
      throw Self.invalid(url, "has a fragment, which is never sent; remove '#' and what follows")
    }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    let authority = rest[..<end]
    guard !authority.contains("@") else {
      throw Self.invalid(url, "has a user name; remove what stands before '@'")
    }
    (host, port) = try Self.split(authority, of: url, usualPort: isSecure ? 443 : 80)
    let path = rest[end...]
    target = path.hasPrefix("/") ? String(path) : "/" + path
  }

  private static func split(
    _ authority: Substring, of url: String, usualPort: UInt16
  ) throws(TransportError) -> (String, UInt16) {
    var host = authority
    var port = usualPort
    let bracket = authority.lastIndex(of: "]")
    if let colon = authority.lastIndex(of: ":"), bracket.map({ $0 < colon }) ?? true {
      host = authority[..<colon]
      let digits = authority[authority.index(after: colon)...]
      guard digits.allSatisfy(\.isNumber), let number = UInt16(digits), number > 0 else {
        throw invalid(url, "has the port '\(digits)'; give a number from 1 to 65535")
      }
      port = number
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard SocketAddress(host: String(host), port: port)?.isIPv6 == true else {
        throw invalid(url, "has '\(host)' in brackets, which is not an IPv6 address")
      }
    } else if host.contains(where: { ":[]".contains($0) }) {
      throw invalid(url, "has an ambiguous host; write an IPv6 address as http://[::1]:8080")
    }
    guard !host.isEmpty else {
      throw invalid(url, "has no host; write it as http://HOST:PORT/PATH")
    }
    return (String(host), port)
  }

  private static func invalid(_ url: String, _ reason: String) -> TransportError {
    TransportError(.invalidAddress, "the URL '\(url)' \(reason)")
  }

  /// Host and port as `:authority` says them.
  public var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  public var description: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

  /// The address to connect to. Blocks on the system's resolver when the host is a name.
  /// - Throws: `.invalidAddress` when the name is unknown.
  public func resolve() throws(TransportError) -> SocketAddress {
    try SocketAddress(resolving: authority)
  }

  /// The address when the host is numeric or `localhost`; never blocks.
  public var address: SocketAddress? { SocketAddress(host: host, port: port) }

  /// Target of a path (begins with "/") below this endpoint's own path, whose query is dropped.
  public func target(for path: String) -> String {
    var base = target.prefix { $0 != "?" }
    while base.hasSuffix("/") { base.removeLast() }
    return base + (path.hasPrefix("/") ? "" : "/") + path
  }
}
