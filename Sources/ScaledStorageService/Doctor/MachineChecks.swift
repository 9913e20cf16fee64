import Foundation
import Glibc
import HTTPTransport
import ScaledStorage
import WireProtocol

/// What a service needs of the machine that it runs on: directories, files and their modes,
/// certificates, limits, the clock. Nothing is changed.
struct MachineChecks {
  let settings: ServiceSettings
  /// Seconds since 1970.
  var now = Date().timeIntervalSince1970

  private static let day = 86_400.0
  /// What RocksDB and the system need besides a server's connections.
  private static let otherDescriptors = 1_024

  var findings: [Finding] {
    [
      data(), space(), credential(), access(), certificate(), key(), descriptors(), wasmtime(),
      clock(),
    ].compactMap { $0 }
  }

  // MARK: - Data

  private func data() -> Finding {
    let path = settings.data
    var status = stat()
    guard stat(path, &status) == 0 else {
      let isMissing = errno == ENOENT
      guard isMissing, Glibc.access(existingData, W_OK | X_OK) == 0 else {
        return .error(
          "data",
          "\(path) cannot be \(isMissing ? "made" : "looked at"): "
            + String(cString: strerror(errno)),
          mend: "give the directories above it to the user that runs the service")
      }
      return .good("data", "\(path) will be made at the first start")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      return .error("data", "\(path) is no directory", mend: "name another by --data")
    }
    guard Glibc.access(path, R_OK | W_OK | X_OK) == 0 else {
      return .error(
        "data", "\(path) cannot be used by this user (\(String(cString: strerror(errno))))",
        mend: "chown it to the user that runs the service, or run this as that user")
    }
    guard status.st_mode & 0o077 == 0 else {
      return .warning(
        "data", "\(path) can be read or entered by others than its owner",
        mend: "chmod 700 \(path)")
    }
    return .good("data", "\(path) belongs to this user alone")
  }

  /// The directory, or the nearest one above it that is there.
  private var existingData: String {
    var path = URL(fileURLWithPath: settings.data).standardizedFileURL.path
    while Glibc.access(path, F_OK) != 0, path.count > 1 {
      path = (path as NSString).deletingLastPathComponent
    }
    return path
  }

  private func space() -> Finding? {
    var status = statvfs()
    guard statvfs(existingData, &status) == 0, status.f_blocks > 0 else { return nil }
    let free = Double(status.f_bavail) * Double(status.f_frsize)
    let share = Double(status.f_bavail) / Double(status.f_blocks)
    let text =
      "\(Int(free / 1_048_576)) MiB, \(Int(share * 100))% of the file system, are free "
      + "for \(settings.data)"
    if free < 256 * 1_048_576 || share < 0.02 {
      return .error(
        "disk", text, mend: "free some, or move the data: writes are refused when it is full")
    }
    if share < 0.1 {
      return .warning(
        "disk", text, mend: "add space, or nodes: moving keys takes room for them twice")
    }
    if isInMemory(existingData) {
      return .warning(
        "disk", "\(settings.data) is in memory (tmpfs): a restart of the machine loses it",
        mend: "name a directory on a disk by --data")
    }
    return .good("disk", text)
  }

  /// Whether a file system without a disk has the directory (proc(5), mountinfo).
  private func isInMemory(_ path: String) -> Bool {
    guard let mounts = try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8) else {
      return false
    }
    var holding = (place: "", kind: "")
    for line in mounts.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count > 2, words[1].count > holding.place.count else { continue }
      let place = words[1]
      guard place == "/" || path == place || path.hasPrefix(place + "/") else { continue }
      holding = (place, words[2])
    }
    return holding.kind == "tmpfs"
  }

  // MARK: - Secrets

  private func credential() -> Finding {
    let path = settings.credentialFile
    do {
      guard let found = try CredentialFile(path: path).credentials() else {
        return .warning(
          "credential", "\(path) is not there; the first start makes one",
          mend: "for a program of a cluster that runs elsewhere, copy that cluster's file there")
      }
      if let finding = mode("credential", path, most: 0o640) { return finding }
      guard found.count == 1 else {
        return .warning(
          "credential", "\(path) holds \(found.count): a rotation is under way",
          mend: "finish it by `credential drop` once all programs use the first")
      }
      return .good("credential", "\(path) holds one, for its owner's eyes")
    } catch {
      return .error(
        "credential", "\(path): \((error as? ServiceFailure)?.message ?? "it holds no credential")",
        mend: "put the cluster's credential there; the other programs have it")
    }
  }

  private func access() -> Finding? {
    guard let path = settings.access.file else { return nil }
    do {
      let list = try settings.access.list(settings.configuration)
      if let finding = mode("access", path, most: 0o644) { return finding }
      guard list?.entries.contains(where: { $0.caller.role >= .admin }) == true else {
        return .warning(
          "access", "\(path) has nobody with the role admin: only the credential can scale",
          mend: "scaled-storage token add NAME --role admin --access-file \(path)")
      }
      return .good("access", "\(path) lists \(list?.entries.count ?? 0) tokens and certificates")
    } catch {
      return .error(
        "access", "\((error as? ConfigurationError)?.message ?? "\(error)")",
        mend: "mend the line; the README tells its form")
    }
  }

  /// A finding when more may read, or others write, a file than should.
  private func mode(_ subject: String, _ path: String, most: mode_t) -> Finding? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & 0o777 & ~most != 0 else { return nil }
    return .error(
      subject,
      "\(path) has the mode \(String(status.st_mode & 0o777, radix: 8)), so that others "
        + "may read or change it", mend: "chmod \(String(most, radix: 8)) \(path)")
  }

  // MARK: - TLS

  private func certificate() -> Finding? {
    guard let tls = settings.tls else { return nil }
    let context: TLSContext
    do {
      context = try tls.context()
    } catch {
      return .error(
        "certificate", (error as? ConfigurationError)?.message ?? "\(error)",
        mend: "put a certificate, its key and its authority there")
    }
    let path = tls.files.certificate ?? ""
    if let expiry = context.expiry {
      let days = Int((Double(expiry) - now) / MachineChecks.day)
      guard Double(expiry) > now else {
        return .error(
          "certificate", "\(path) has ended", mend: "renew it; it is read again when it changes")
      }
      guard days >= 30 else {
        return .warning(
          "certificate", "\(path) ends in \(days) days",
          mend: "renew it; it is read again when it changes")
      }
    }
    let address = try? settings.listenAddress()
    // By the name that is agreed on, whatever the address.
    let host = tls.peerName == nil ? address.flatMap { $0.isUnspecified ? nil : $0.host } : nil
    if let problem = context.problem(at: host) {
      return .error(
        "certificate", "\(path) \(problem)",
        mend: "have one made by the cluster's authority, with the addresses among its names")
    }
    return .good("certificate", "\(path) is valid, and leads to the cluster's authority")
  }

  private func key() -> Finding? {
    guard let path = settings.tls?.files.key else { return nil }
    return mode("key", path, most: 0o640)
      ?? .good("key", "\(path) is for its owner's eyes")
  }

  // MARK: - Limits, modules, clock

  private func descriptors() -> Finding? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    let needed = UInt64(settings.serverLimits.maxConnections + MachineChecks.otherDescriptors)
    guard limit.rlim_max >= needed else {
      return .warning(
        "limits", "a process may open \(limit.rlim_max) files, and max-connections needs \(needed)",
        mend: "raise it (LimitNOFILE in a unit, ulimit -Hn), or lower max-connections")
    }
    return .good("limits", "a process may open \(limit.rlim_max) files; \(needed) are enough")
  }

  private func wasmtime() -> Finding {
    do {
      try ModuleLoader(
        loop: EventLoop(), limits: settings.modules.limits, libraryPath: settings.modules.wasmtime
      ).requireEngine()
      return .good("modules", "Wasmtime is there")
    } catch {
      return .warning(
        "modules", "modules cannot run: \((error as? Problem)?.detail ?? "\(error)")",
        mend: "deploy/wasmtime puts Wasmtime in place; without modules nothing needs it")
    }
  }

  /// Values that expire need clocks that agree (adjtimex(2)).
  private func clock() -> Finding {
    guard MachineClock.isInStep else {
      return .warning(
        "clock", "nothing keeps this machine's clock in step",
        mend: "run an NTP client, such as systemd-timesyncd or chrony: ttl goes by the clock")
    }
    return .good("clock", "it is kept in step")
  }
}
