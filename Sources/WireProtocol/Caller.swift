package import Candid

/// Who sends a request, as far as the cluster knows.
package final class Caller: Sendable {
  package let name: String
  package let role: Role
  /// The value of the field `ss-caller`, by which programs of the cluster tell each other.
  package let field: [UInt8]

  /// - Parameter name: as ``isName(_:)`` wants it.
  package init(_ name: String, _ role: Role) {
    self.name = name
    self.role = role
    field = Array("\(name) \(role.rawValue)".utf8)
  }

  /// Reads a field `ss-caller`; nil for what no program of the cluster would send.
  package init?(field bytes: UnsafeRawBufferPointer) {
    guard bytes.count <= Caller.longestName + 16,
      let parts = String(validating: bytes, as: UTF8.self)?.split(separator: " "),
      parts.count == 2, let role = Role(rawValue: String(parts[1])), Caller.isName(parts[0])
    else { return nil }
    name = String(parts[0])
    self.role = role
    field = Array(bytes)
  }

  private static let longestName = 64

  /// Whether a text can be a caller's name: 1 to 64 letters, digits, `.`, `_`, `@` and `-`.
  package static func isName(_ text: some StringProtocol) -> Bool {
    (1...longestName).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
          UInt8(ascii: "@"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }

  /// Names that say something else than who has a token.
  package static let reservedNames: Set<String> = ["anonymous", "cluster", "service"]

  /// Who knows the cluster's credential.
  package static let cluster = Caller("cluster", .cluster)
  /// The code of a service, which acts of its own accord.
  package static let service = Caller("service", .write)
  private static let anonymous = Role.allCases.map { Caller("anonymous", $0) }

  /// Whoever does not say who it is.
  package static func anonymous(_ role: Role) -> Caller {
    anonymous.first { $0.role == role } ?? Caller("anonymous", role)
  }
}

/// What `GET /whoami` tells.
package struct CallerReport: CandidRecord {
  package var name: String
  package var role: String
  /// For the cluster's credential only: `used` when the program that answers uses it itself,
  /// `accepted` when it uses another one.
  package var credential: String?
  /// For the cluster's credential only: the same at two programs that let the same callers do the
  /// same.
  package var access: String?

  package init(name: String, role: String, credential: String? = nil, access: String? = nil) {
    self.name = name
    self.role = role
    self.credential = credential
    self.access = access
  }

  package static let candidFields = CandidFields(
    CallerReport.init(name:role:credential:access:), CandidMember("name", \.name),
    CandidMember("role", \.role), CandidMember("credential", \.credential),
    CandidMember("access", \.access))
}
