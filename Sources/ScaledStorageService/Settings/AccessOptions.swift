import ArgumentParser
import Foundation
import ScaledStorage
import WireProtocol

/// Who may do what.
struct AccessOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Who may do what: tokens, hashed, and client certificates, each with its role; scaled-storage \
      token writes it. Read again when it changes.
      """, valueName: "file"))
  var accessFile: String?

  @Option(
    help: """
      What those may do who show no token: none, read or write. (default: write; none with an \
      access file)
      """)
  var anonymous: String?

  @Option(
    help: ArgumentHelp(
      "Requests a second of each caller by its role, as read=1000,write=200,anonymous=50.",
      valueName: "list"))
  var rateLimits: String?

  @Option(
    help: ArgumentHelp(
      "Where to append a line of JSON for each action that controls the cluster.",
      valueName: "file"))
  var auditLog: String?

  static let names = ["access-file", "anonymous", "rate-limits", "audit-log"]
}

/// The access that is in force.
struct AccessSettings {
  let file: String?
  let anonymous: Role
  /// Whether somebody has said who may do what.
  let isGiven: Bool
  let limits: RateLimits
  private let limitsText: String?
  let auditLog: String?

  static let largestFile = 4 << 20

  /// - Throws: `ConfigurationError`.
  init(_ options: AccessOptions, _ configuration: Configuration) throws {
    file = try configuration.optional("access-file", flag: options.accessFile, usual: "none")
    let usual: Role = file == nil ? .write : .none
    let text = try configuration.value(
      "anonymous", flag: options.anonymous, default: usual.rawValue)
    guard let role = Role(rawValue: text), role <= .write else {
      throw configuration.wrong("anonymous", "is \"\(text)\"; it can be none, read or write")
    }
    anonymous = role
    isGiven = file != nil || configuration.isGiven("anonymous")
    limitsText = try configuration.optional(
      "rate-limits", flag: options.rateLimits, usual: "none")
    var limits = RateLimits()
    if let limitsText {
      try NamedLimit.apply(
        limitsText, to: &limits, of: AccessSettings.named, setting: "rate-limits", configuration)
    }
    self.limits = limits
    auditLog = try configuration.optional("audit-log", flag: options.auditLog, usual: "none")
  }

  private static var named: [NamedLimit<RateLimits>] {
    [
      .count("read", \.read, least: 1), .count("write", \.write, least: 1),
      .count("admin", \.admin, least: 1), .count("anonymous", \.anonymous, least: 1),
    ]
  }

  /// Reads the access file; nil when none is named.
  /// - Throws: `ConfigurationError` that tells what is wrong with it, and where.
  func list(_ configuration: Configuration) throws -> AccessList? {
    guard let file else { return nil }
    do {
      guard let text = try SecretFile.text(at: file, limit: AccessSettings.largestFile) else {
        throw configuration.wrong(
          "access-file",
          "is \(file), which is not there; make it with scaled-storage token add NAME --role ROLE "
            + "--access-file \(file)")
      }
      return try AccessList(text)
    } catch let error as AccessListError {
      throw configuration.wrong("access-file", "is \(file), line \(error.line): \(error.message)")
    } catch let error as ServiceFailure {
      throw configuration.wrong("access-file", "cannot be used: \(error.message)")
    }
  }

  /// The arguments by which a node that is launched does the same.
  /// - Parameter absolute: makes a path independent of the working directory.
  func arguments(_ absolute: (String) -> String) -> [String] {
    var arguments = ["--anonymous", anonymous.rawValue]
    if let file { arguments += ["--access-file", absolute(file)] }
    if let limitsText { arguments += ["--rate-limits", limitsText] }
    if let auditLog { arguments += ["--audit-log", absolute(auditLog)] }
    return arguments
  }
}
