/// The opaque id of a ring member: the bytes of its principal.
public struct MemberID: Hashable, Sendable {
  /// The longest id that a ring takes, in bytes.
  public static let maximumByteCount = 255

  public let bytes: [UInt8]

  public init(bytes: [UInt8]) {
    self.bytes = bytes
  }
}
