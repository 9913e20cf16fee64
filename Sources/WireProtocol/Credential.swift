/// A shared secret, such as the cluster's: who knows it may control the cluster.
///
/// It describes itself without telling what it is, so that no log and no error can tell it.
public struct Credential: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
  private let bytes: [UInt8]
  /// The value of an `authorization` header, as it is sent.
  package let headerBytes: [UInt8]

  /// A credential holds 16 to 256 printable characters.
  /// - Throws: `CredentialError`.
  public init(_ text: String) throws(CredentialError) {
    let bytes = Array(text.utf8)
    guard (16...256).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else {
      throw CredentialError(
        "a credential has 16 to 256 printable characters without spaces")
    }
    self.init(unchecked: bytes)
  }

  /// 64 hexadecimal digits from the system's random source.
  public static func random() -> Credential {
    var generator = SystemRandomNumberGenerator()
    let digits = Array("0123456789abcdef".utf8)
    return Credential(
      unchecked: (0..<64).map { _ in digits[Int((generator.next() as UInt64) & 15)] })
  }

  private init(unchecked bytes: [UInt8]) {
    self.bytes = bytes
    headerBytes = Array("Bearer ".utf8) + bytes
  }

  /// Whether both are the same secret.
  package func isSame(as other: Credential) -> Bool {
    other.bytes.withUnsafeBytes { matches($0) }
  }

  public var description: String { "a credential" }
  public var debugDescription: String { description }

  /// The secret itself, for the file that keeps it and for requests.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The value of an `authorization` header.
  package var headerValue: String { "Bearer " + text }

  /// Whether a token is this credential, in a time that does not depend on where the two differ.
  package func matches(_ token: UnsafeRawBufferPointer) -> Bool {
    guard token.count == bytes.count else { return false }
    var difference: UInt8 = 0
    for index in bytes.indices { difference |= token[index] ^ bytes[index] }
    return difference == 0
  }
}

/// Why a text is no credential.
public struct CredentialError: Error, Sendable {
  public let message: String

  init(_ message: String) {
    self.message = message
  }
}
