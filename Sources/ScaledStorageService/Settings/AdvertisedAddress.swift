import HTTPTransport

/// The setting `advertise`: the address that others are told to use.
enum AdvertisedAddress {
  static let name = "advertise"

  /// Nil for the address that is bound.
  /// - Parameter mayBeName: whether a host's name will do: gateways look for nodes by names, but
  ///   are themselves asked at addresses.
  /// - Throws: `ConfigurationError` for what others cannot use.
  static func read(
    flag: String?, mayBeName: Bool, _ configuration: Configuration
  ) throws -> String? {
    let text = try configuration.optional(
      name, flag: flag, usual: "the address that is bound")
    guard let text else { return nil }
    let isUsable = mayBeName ? isNamed(text) : isAddress(text)
    guard isUsable else {
      throw configuration.wrong(
        name,
        "is \"\(text)\"; it can be "
          + (mayBeName ? "HOST:PORT, as node-1:8081" : "an address and a port, as 192.0.2.7:8080"))
    }
    return text
  }

  private static func isAddress(_ text: String) -> Bool {
    guard let address = try? SocketAddress(text) else { return false }
    return address.port > 0 && !address.isUnspecified
  }

  private static func isNamed(_ text: String) -> Bool {
    guard let colon = text.lastIndex(of: ":"), colon > text.startIndex else { return false }
    return UInt16(text[text.index(after: colon)...]).map { $0 > 0 } ?? false
  }
}
