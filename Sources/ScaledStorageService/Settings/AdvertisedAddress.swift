import HTTPTransport

/// The setting `advertise`: the address that others are told to use.
enum AdvertisedAddress {
  static let name = "advertise"

  /// Nil for the address that is bound.
  /// - Throws: `ConfigurationError` for a text that is no address of a host.
  static func read(flag: String?, _ configuration: Configuration) throws -> String? {
    let text = try configuration.optional(
      name, flag: flag, usual: "the address that is bound")
    guard let text else { return nil }
    guard let colon = text.lastIndex(of: ":"), colon > text.startIndex,
      let port = UInt16(text[text.index(after: colon)...]), port > 0
    else {
      throw configuration.wrong(
        name, "is \"\(text)\"; it can be HOST:PORT, as 192.0.2.7:8080")
    }
    return text
  }
}
