import Glibc
import HTTPTransport
import Logging
import ScaledStorage
import WireProtocol

/// Who may do what at a service: by the credential's file and the access file, read again when they
/// change.
final class ServiceAccess {
  let control: AccessControl
  private let settings: ServiceSettings
  private let logger: Logger
  private var credentialMark: FileMark?
  private var listMark: FileMark?
  // Why a file could not be used the last time. It is tried again then, whether it changes or not:
  // what was in its way, as a lack of descriptors, may go without a trace at the file.
  private var credentialFailure: String?
  private var listFailure: String?
  private static let interval = Duration.seconds(1)

  /// Reads the files; makes the credential's when it is missing.
  /// - Parameter program: `gateway` or `node`, as the audit log calls it.
  /// - Throws: `ConfigurationError`, `ServiceFailure`.
  init(_ settings: ServiceSettings, program: String, logger: Logger) throws {
    self.settings = settings
    self.logger = logger
    var rules = AccessControl.Rules()
    rules.anonymous = settings.access.anonymous
    rules.limits = settings.access.limits
    rules.list = try settings.access.list(settings.configuration)
    var auditor = logger
    auditor[metadataKey: "log"] = "audit"
    let audit = AuditLog(logger: auditor, program: program, path: settings.access.auditLog)
    if let reason = audit.check(), let path = settings.access.auditLog {
      throw settings.configuration.wrong("audit-log", "is \(path), which cannot be used: \(reason)")
    }
    control = AccessControl(try settings.credentials(), rules, audit: audit)
    noteMarks()
  }

  private func noteMarks() {
    credentialMark = FileMark(settings.credentialFile)
    listMark = settings.access.file.flatMap { FileMark($0) }
  }

  /// Looks at the files now and then, for as long as this lives.
  func watch(on loop: EventLoop) {
    loop.schedule(after: ServiceAccess.interval) { [weak self, unowned loop] in
      guard let self else { return }
      look()
      watch(on: loop)
    }
  }

  /// Reads the files again if they have changed, or could not be used the last time.
  func look() {
    let isChanged =
      FileMark(settings.credentialFile) != credentialMark
      || settings.access.file.flatMap { FileMark($0) } != listMark
    guard isChanged || credentialFailure != nil || listFailure != nil else { return }
    readAgain()
  }

  /// Reads the files again, and tells of what cannot be used, also when it has been told before.
  func reload() {
    (credentialFailure, listFailure) = (nil, nil)
    readAgain()
  }

  /// What cannot be used leaves in force what was.
  private func readAgain() {
    // Before they are read: what changes meanwhile is seen the next time.
    noteMarks()
    attempt(&credentialFailure, "the credentials of before stay", reloadCredentials)
    attempt(&listFailure, "the access file of before stays", reloadList)
  }

  private func attempt(_ failure: inout String?, _ what: String, _ read: () throws -> Void) {
    do {
      try read()
      failure = nil
    } catch {
      let reason = (error as? CredentialError)?.message ?? "\(error)"
      if reason != failure { logger.error("\(what) in force: \(reason)") }
      failure = reason
    }
  }

  private func reloadCredentials() throws {
    let file = CredentialFile(path: settings.credentialFile)
    guard let found = try file.credentials() else {
      throw ServiceFailure("\(file.path) is gone; put it back")
    }
    let before = control.credentials.all
    let isSame = before.count == found.count && zip(before, found).allSatisfy { $0.isSame(as: $1) }
    guard !isSame else { return }
    control.replace(credentials: found)
    let added = found.count { new in !before.contains { $0.isSame(as: new) } }
    let dropped = before.count { old in !found.contains { $0.isSame(as: old) } }
    control.audit.note(
      "credential", by: .file,
      "\(found.count) valid, \(added) added, \(dropped) dropped, "
        + (found[0].isSame(as: before[0]) ? "the same in use" : "another in use"))
  }

  private func reloadList() throws {
    guard let list = try settings.access.list(settings.configuration) else { return }
    let before = control.rules.list ?? AccessList()
    guard list.entries.map(\.summary) != before.entries.map(\.summary) else { return }
    control.replace(list: list)
    let added = list.changes(from: before).sorted().joined(separator: ", ")
    let removed = before.changes(from: list).sorted().joined(separator: ", ")
    let detail = [("added", added), ("removed", removed)].filter { !$0.1.isEmpty }
      .map { "\($0) \($1)" }.joined(separator: "; ")
    control.audit.note(
      "access", by: .file, detail.isEmpty ? "the order of lines changed" : detail)
  }
}

extension AccessList {
  /// The lines that the other list has not, by name and role.
  fileprivate func changes(from other: AccessList) -> [String] {
    let known = Set(other.entries.map(\.summary))
    return entries.filter { !known.contains($0.summary) }
      .map { "\($0.caller.name) (\($0.caller.role.rawValue))" }
  }
}
