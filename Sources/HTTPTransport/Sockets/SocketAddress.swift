import CLinux
import Glibc

/// A numeric IPv4 or IPv6 address and a port.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  /// The address in network order; an IPv4 address fills the first four bytes.
  private var high: UInt64
  private var low: UInt64
  private var scope: UInt32
  public private(set) var isIPv6: Bool
  /// In host order. Port 0 asks the system for a free one.
  public var port: UInt16

  /// What one peer can choose freely left out: the port, and of an IPv6 address all but its network
  /// of 64 bits.
  package var network: SocketAddress {
    var network = self
    network.port = 0
    if isIPv6, high != 0 { network.low = 0 }
    return network
  }

  /// 127.0.0.1.
  public static func loopback(port: UInt16 = 0) -> SocketAddress {
    SocketAddress(ipv4: 0x7F00_0001, port: port)
  }

  /// An IPv4 address in host order: 127.0.0.1 is 0x7F000001.
  public init(ipv4: UInt32, port: UInt16) {
    high = UInt64(ipv4) << 32
    low = 0
    scope = 0
    isIPv6 = false
    self.port = port
  }

  /// Reads `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`; asks no name server.
  /// - Throws: `.invalidAddress` for anything else.
  public init(_ text: String) throws(TransportError) {
    let (host, port) = try SocketAddress.split(text)
    guard let address = SocketAddress(host: host, port: port) else {
      throw TransportError(
        .invalidAddress,
        "'\(text)' has no numeric address; write it as 127.0.0.1:8080, [::1]:8080 or localhost:8080"
      )
    }
    self = address
  }

  /// A numeric host, without brackets, or `localhost`.
  public init?(host: String, port: UInt16) {
    if host == "localhost" {
      self = .loopback(port: port)
      return
    }
    var four = in_addr()
    if inet_pton(AF_INET, host, &four) == 1 {
      self.init(ipv4: UInt32(bigEndian: four.s_addr), port: port)
      return
    }
    var six = in6_addr()
    guard inet_pton(AF_INET6, host, &six) == 1 else { return nil }
    self.init(six, scope: 0, port: port)
  }

  /// Reads as ``init(_:)`` does, and asks the system's resolver about names. Blocks while it
  /// waits for the resolver, so it is not for a loop that serves.
  /// - Throws: `.invalidAddress` when the text has no port or the name is unknown.
  public init(resolving text: String) throws(TransportError) {
    let (host, port) = try SocketAddress.split(text)
    if let address = SocketAddress(host: host, port: port) {
      self = address
      return
    }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var results: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, nil, &hints, &results)
    defer { if let results { freeaddrinfo(results) } }
    guard status == 0 else {
      throw TransportError(
        .invalidAddress, "'\(host)' cannot be resolved: \(String(cString: gai_strerror(status)))",
        isRetryable: status == EAI_AGAIN)
    }
    var next = results
    while let result = next {
      if let raw = result.pointee.ai_addr,
        var address = SocketAddress(raw, length: result.pointee.ai_addrlen)
      {
        address.port = port
        self = address
        return
      }
      next = result.pointee.ai_next
    }
    throw TransportError(.invalidAddress, "'\(host)' has no IPv4 or IPv6 address")
  }

  private init(_ six: in6_addr, scope: UInt32, port: UInt16) {
    (high, low) = withUnsafeBytes(of: six) { bytes in
      (
        UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
    self.scope = scope
    isIPv6 = true
    self.port = port
  }

  /// Nil for families other than IPv4 and IPv6.
  init?(_ raw: UnsafePointer<sockaddr>, length: socklen_t) {
    let bytes = UnsafeRawPointer(raw)
    switch Int32(raw.pointee.sa_family) {
    case AF_INET where Int(length) >= MemoryLayout<sockaddr_in>.size:
      let four = bytes.loadUnaligned(as: sockaddr_in.self)
      self.init(
        ipv4: UInt32(bigEndian: four.sin_addr.s_addr), port: UInt16(bigEndian: four.sin_port))
    case AF_INET6 where Int(length) >= MemoryLayout<sockaddr_in6>.size:
      let six = bytes.loadUnaligned(as: sockaddr_in6.self)
      self.init(six.sin6_addr, scope: six.sin6_scope_id, port: UInt16(bigEndian: six.sin6_port))
    default:
      return nil
    }
  }

  /// Whether only this machine can reach the address.
  public var isLoopback: Bool {
    if !isIPv6 { return high >> 56 == 127 }
    return high == 0 && (low == 1 || low >> 24 == 0xFFFF7F)
  }

  /// Whether the address means every interface of this machine.
  public var isUnspecified: Bool { high == 0 && low == 0 }

  /// The numeric address without port and brackets.
  public var host: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    if isIPv6 {
      var six = ipv6
      inet_ntop(AF_INET6, &six, &text, socklen_t(text.count))
    } else {
      var four = in_addr(s_addr: UInt32(truncatingIfNeeded: high >> 32).bigEndian)
      inet_ntop(AF_INET, &four, &text, socklen_t(text.count))
    }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// `host:port`, with brackets around an IPv6 address.
  public var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

  private var ipv6: in6_addr {
    var six = in6_addr()
    withUnsafeMutableBytes(of: &six) { bytes in
      bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
      bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    return six
  }

  var family: Int32 { isIPv6 ? AF_INET6 : AF_INET }

  /// Hands the system's form of the address to `body`.
  func withSystemAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    if isIPv6 {
      var six = sockaddr_in6()
      six.sin6_family = sa_family_t(AF_INET6)
      six.sin6_port = port.bigEndian
      six.sin6_scope_id = scope
      six.sin6_addr = ipv6
      return withUnsafeBytes(of: &six) { bytes in
        call(body, bytes)
      }
    }
    var four = sockaddr_in()
    four.sin_family = sa_family_t(AF_INET)
    four.sin_port = port.bigEndian
    four.sin_addr.s_addr = UInt32(truncatingIfNeeded: high >> 32).bigEndian
    return withUnsafeBytes(of: &four) { bytes in
      call(body, bytes)
    }
  }

  private func call<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result, _ bytes: UnsafeRawBufferPointer
  ) -> Result {
    bytes.withMemoryRebound(to: sockaddr.self) { rebound in
      // A buffer over a local structure has an address.
      guard let base = rebound.baseAddress else {
        var empty = sockaddr()
        return body(&empty, 0)
      }
      return body(base, socklen_t(bytes.count))
    }
  }

  private static func split(_ text: String) throws(TransportError) -> (String, UInt16) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...])
    else {
      throw TransportError(
        .invalidAddress, "'\(text)' has no port between 0 and 65535; write it as HOST:PORT")
    }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      throw TransportError(
        .invalidAddress, "'\(text)' is ambiguous; write an IPv6 address as [::1]:8080")
    }
    guard !host.isEmpty else {
      throw TransportError(.invalidAddress, "'\(text)' has no host; write it as HOST:PORT")
    }
    return (String(host), port)
  }
}
