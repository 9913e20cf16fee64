/// The credentials of a cluster: one that its programs use, and others that they take as well while
/// the one in use is being replaced. It belongs to one loop's thread.
package final class Credentials {
  /// The first is used. Never empty.
  package private(set) var all: [Credential]

  /// So many can be valid at a time.
  package static let most = 4

  package init(_ credential: Credential) {
    all = [credential]
  }

  /// - Parameter credentials: the one to use first; without any, nobody knows the one in use.
  package init(_ credentials: [Credential]) {
    all = credentials.isEmpty ? [.random()] : credentials
  }

  /// Reads a credential's file: one credential a line, the one in use first.
  /// - Throws: `CredentialError` for a line that is none, for no line and for too many.
  package static func read(_ text: String) throws(CredentialError) -> [Credential] {
    var all: [Credential] = []
    for line in text.split(whereSeparator: \.isNewline) {
      let trimmed = String(line).trimmed
      guard !trimmed.isEmpty else { continue }
      all.append(try Credential(trimmed))
    }
    guard (1...most).contains(all.count) else {
      throw CredentialError(
        all.isEmpty ? "it has no line" : "it has \(all.count) lines; at most \(most) can be valid")
    }
    return all
  }

  /// The one that this program shows to others.
  package var used: Credential { all[0] }

  package var count: Int { all.count }

  /// Where a token stands among the credentials, 0 for the one in use; nil when it is none of them.
  /// Each is compared, so that the time tells nothing.
  package func place(of token: UnsafeRawBufferPointer) -> Int? {
    var found: Int?
    for (place, credential) in all.enumerated() where credential.matches(token) { found = place }
    return found
  }

  /// - Parameter credentials: at least one, the one to use first.
  package func replace(with credentials: [Credential]) {
    guard !credentials.isEmpty else { return }
    all = credentials
  }
}
