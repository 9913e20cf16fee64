package import HTTPTransport
package import WireProtocol

/// Who may do what, as a file lists it: a name, a role, and how its bearer is known, a line each.
///
///     # a token, by its SHA-256, and a client certificate, by that of its DER form
///     reports read sha256:4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865
///     deployer admin certificate:53c234e5e8472b6ac51c1ae1cab3fe06fad053beb8ebfd8977b010655bfdd3c3
///
/// One name may have several lines, as while a token is being replaced.
package struct AccessList: Sendable {
  /// How a caller is known.
  package enum Proof: String, Sendable {
    case token = "sha256"
    case certificate
  }

  /// One line.
  package struct Entry: Sendable {
    package let caller: Caller
    package let proof: Proof
    package let digest: SHA256.Digest
    /// Counted from 1.
    package let line: Int

    /// What it says, without where it stands.
    package var summary: String {
      "\(caller.name) \(caller.role.rawValue) \(proof.rawValue):\(digest.hexadecimal)"
    }
  }

  package private(set) var entries: [Entry] = []
  // By the beginning of the digest: whoever could choose that could break SHA-256.
  private var tokens: [UInt64: Entry] = [:]
  private var certificates: [UInt64: Entry] = [:]

  /// Lines of more would not be read by people any more.
  package static let mostEntries = 10_000

  /// A list of nobody.
  package init() {}

  /// Reads the text of a file. Blank lines and what follows a `#` do not count.
  /// - Throws: `AccessListError`, naming the line.
  package init(_ text: String) throws(AccessListError) {
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
      guard !words.isEmpty else { continue }
      try add(try AccessList.entry(words, line: index + 1))
    }
  }

  private mutating func add(_ entry: Entry) throws(AccessListError) {
    guard entries.count < AccessList.mostEntries else {
      throw AccessListError(entry.line, "at most \(AccessList.mostEntries) callers are taken")
    }
    entries.append(entry)
    let before =
      switch entry.proof {
      case .token: tokens.updateValue(entry, forKey: entry.digest.prefix)
      case .certificate: certificates.updateValue(entry, forKey: entry.digest.prefix)
      }
    if let before {
      throw AccessListError(entry.line, "what it names is on line \(before.line) already")
    }
  }

  private static func entry(_ words: [Substring], line: Int) throws(AccessListError) -> Entry {
    guard words.count == 3 else {
      throw AccessListError(line, "write NAME ROLE sha256:HEX or NAME ROLE certificate:HEX")
    }
    let name = String(words[0])
    guard Caller.isName(name), !Caller.reservedNames.contains(name) else {
      throw AccessListError(
        line,
        "\"\(name.prefix(70))\" cannot be a name; it has 1 to 64 letters, digits, \".\", \"_\", "
          + "\"@\" and \"-\", and is none of "
          + Caller.reservedNames.sorted().joined(separator: ", "))
    }
    guard let role = Role(rawValue: String(words[1])), grantable.contains(role) else {
      throw AccessListError(
        line,
        "\"\(words[1].prefix(40))\" is no role; it can be "
          + grantable.map(\.rawValue).joined(separator: ", "))
    }
    let parts = words[2].split(separator: ":", maxSplits: 1)
    guard parts.count == 2, let proof = Proof(rawValue: String(parts[0])),
      let digest = SHA256.Digest(hexadecimal: parts[1])
    else {
      // The word itself may be a token that somebody wrote here by mistake: it is not repeated.
      throw AccessListError(
        line,
        "the third word is sha256: or certificate: with the 64 hexadecimal digits of a SHA-256; "
          + "scaled-storage token add writes such lines")
    }
    return Entry(caller: Caller(name, role), proof: proof, digest: digest, line: line)
  }

  /// The roles that a line can give; the cluster's own goes with its credential only.
  package static let grantable: [Role] = [.read, .write, .admin]

  package var names: Set<String> { Set(entries.map(\.caller.name)) }

  package var hasCertificates: Bool { !certificates.isEmpty }

  /// Who has this token. One SHA-256; allocates nothing.
  package func caller(token: UnsafeRawBufferPointer) -> Caller? {
    guard !tokens.isEmpty else { return nil }
    return AccessList.find(SHA256.Digest(of: token), in: tokens)
  }

  /// Who has the certificate with this digest.
  package func caller(certificate digest: SHA256.Digest) -> Caller? {
    AccessList.find(digest, in: certificates)
  }

  private static func find(_ digest: SHA256.Digest, in table: [UInt64: Entry]) -> Caller? {
    guard let entry = table[digest.prefix], entry.digest.matches(digest) else { return nil }
    return entry.caller
  }
}

/// What is wrong with a line of an access file.
package struct AccessListError: Error, Hashable {
  package let line: Int
  package let message: String

  init(_ line: Int, _ message: String) {
    self.line = line
    self.message = message
  }
}
