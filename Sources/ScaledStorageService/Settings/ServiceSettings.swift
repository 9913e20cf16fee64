import ArgumentParser
import Foundation
import Glibc
import HTTPTransport
import Logging
import RocksDBStorage
import ScaledStorage
import Storage
import WireProtocol

/// The settings that are in force.
struct ServiceSettings {
  var data: String
  var listen: String
  private let namedCredentialFile: String?
  var forward: ForwardMode
  var durability: Durability
  var maxValueBytes: Int
  var handoverRate: ByteCount
  var cacheBytes: ByteCount
  var handoverCompression: Switch
  var logLevel: Logger.Level
  var allowPlaintext: Bool
  /// The text of the limits that differ from the usual, and all limits.
  var limits: String?
  var serverLimits: ServerLimits
  var telemetry: TelemetrySettings
  var modules: ModuleSettings
  /// Nil for plain text.
  var tls: TLSSettings?
  /// Who may do what.
  var access: AccessSettings
  /// Nil without etcd.
  var etcd: EtcdPlace?
  let configuration: Configuration

  static let largestValue = 16 << 20
  static let largestCache: UInt64 = 16 << 30
  /// A slower copy would look like one that stalls.
  static let slowestHandover: UInt64 = 16 << 10

  init(
    _ options: ServiceOptions, _ configuration: Configuration, listen defaultListen: String
  ) throws {
    listen = try configuration.value("listen", flag: options.listen, default: defaultListen)
    forward = try ServiceSettings.choice("forward", options.forward, configuration, .return)
    durability = try ServiceSettings.choice("durability", options.durability, configuration, .fsync)
    logLevel = try ServiceSettings.choice("log-level", options.logLevel, configuration, .info)
    maxValueBytes = try configuration.value(
      "max-value-bytes", flag: options.maxValueBytes, default: 1 << 20)
    handoverRate = try configuration.value(
      "handover-rate", flag: options.handoverRate, default: ByteCount(count: 0))
    guard handoverRate.count == 0 || handoverRate.count >= ServiceSettings.slowestHandover else {
      throw configuration.wrong(
        "handover-rate",
        "is \(handoverRate); it can be 0, without bound, or "
          + "\(ServiceSettings.slowestHandover) and more bytes a second, as 16K or 50M")
    }
    cacheBytes = try configuration.value(
      "cache-bytes", flag: options.cacheBytes, default: ByteCount(count: 64 << 20))
    guard cacheBytes.count <= ServiceSettings.largestCache else {
      throw configuration.wrong(
        "cache-bytes",
        "is \(cacheBytes); it can be 0, without a cache, to "
          + "\(ServiceSettings.largestCache) (16G)")
    }
    handoverCompression = try ServiceSettings.choice(
      "handover-compression", options.handoverCompression, configuration, .off)
    allowPlaintext = try configuration.value(
      "allow-plaintext", flag: options.allowPlaintext ? true : nil, default: false)
    telemetry = try TelemetrySettings(options.telemetry, configuration)
    modules = try ModuleSettings(options.modules, configuration)
    tls = try TLSSettings(options.tls, configuration)
    access = try AccessSettings(options.access, configuration)
    etcd = try EtcdPlace(options.etcd, configuration)
    guard (1...ServiceSettings.largestValue).contains(maxValueBytes) else {
      throw configuration.wrong(
        "max-value-bytes",
        "is \(maxValueBytes); it can be 1 to "
          + "\(ServiceSettings.largestValue)")
    }
    serverLimits = ServiceProcess.limits(maxValueBytes: maxValueBytes)
    limits = try configuration.optional(
      "limits", flag: options.limits.limits, usual: "the usual ones")
    if let limits { try LimitOptions.apply(limits, to: &serverLimits, configuration) }
    data = try configuration.value("data", flag: options.data, default: "scaled-storage-data")
    namedCredentialFile = try configuration.optional(
      "credential-file", flag: options.credentialFile, usual: "credential in data")
    // Addresses and files that cannot be used are told before anything is made.
    self.configuration = configuration
    _ = try listenAddress()
  }

  /// Makes the data directory if it is missing.
  /// - Throws: `ServiceFailure` when it is not to be had.
  mutating func makeDirectory() throws {
    data = try ServiceSettings.existingDirectory(data)
  }

  /// Whether the files that the settings name can be used, without making any.
  /// - Throws: `ConfigurationError` that names the first that cannot.
  func checkFiles() throws {
    _ = try tls?.context()
    _ = try etcd?.settings()
    try check("data", isDirectory: true, data)
    if let log = access.auditLog { try check("audit-log", isDirectory: false, log) }
    do {
      _ = try existingCredentials()
    } catch let error as ServiceFailure {
      throw configuration.wrong(
        "credential-file",
        "cannot be used: \(error.message); give it to the user that runs the "
          + "service")
    }
    _ = try access.list(configuration)
  }

  /// Whether something can be written to, or made, at a path.
  private func check(_ name: String, isDirectory: Bool, _ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      let above = URL(fileURLWithPath: path).deletingLastPathComponent().path
      // The nearest that is there says whether the rest can be made.
      return try check(name, isDirectory: true, above, for: path)
    }
    guard isFolder.boolValue == isDirectory else {
      throw configuration.wrong(
        name, "is \(path), which is \(isDirectory ? "no" : "a") directory; name another")
    }
    try check(name, isDirectory: isDirectory, path, for: path)
  }

  private func check(
    _ name: String, isDirectory: Bool, _ path: String, for wanted: String
  ) throws {
    guard Glibc.access(path, F_OK) == 0 || path == "/" else {
      let above = URL(fileURLWithPath: path).deletingLastPathComponent().path
      return try check(name, isDirectory: true, above, for: wanted)
    }
    guard Glibc.access(path, isDirectory ? R_OK | W_OK | X_OK : W_OK) == 0 else {
      let reason = String(cString: strerror(errno))
      throw configuration.wrong(
        name,
        path == wanted
          ? "is \(path), which cannot be used: \(reason); give it to the user that runs the service"
          : "is \(wanted), which cannot be made in \(path): \(reason); make it for the user that "
            + "runs the service, or name another")
    }
  }

  /// The file with the cluster's credential.
  var credentialFile: String { namedCredentialFile ?? data + "/credential" }

  /// - Throws: `ConfigurationError` when it is none, or plain text would be read by others.
  func listenAddress() throws -> SocketAddress {
    let address: SocketAddress
    do throws(TransportError) {
      address = try SocketAddress(resolving: listen)
    } catch {
      throw configuration.wrong(
        "listen", "is no address to listen on: \(error.message)")
    }
    guard address.isLoopback || tls != nil || allowPlaintext else {
      throw configuration.wrong(
        "listen",
        "is \(listen), which other machines reach, in plain text; encrypt it with "
          + "tls-certificate, tls-key and tls-ca, listen on a loopback address, or say "
          + "allow-plaintext")
    }
    guard address.isLoopback || access.isGiven else {
      throw configuration.wrong(
        "listen",
        "is \(listen), which other machines reach, and nothing says who may do what there; name "
          + "an access-file, which scaled-storage token add makes, or say what those may do who "
          + "show no token: anonymous = none, read or write")
    }
    return address
  }

  static func choice<Value: RawRepresentable & CaseIterable>(
    _ name: String, _ flag: String?, _ configuration: Configuration, _ fallback: Value
  ) throws -> Value where Value.RawValue == String {
    let text = try configuration.value(name, flag: flag, default: fallback.rawValue)
    guard let value = Value(rawValue: text) else {
      let choices = Value.allCases.map(\.rawValue).joined(separator: ", ")
      throw configuration.wrong(name, "is \"\(text)\"; it can be \(choices)")
    }
    return value
  }

  /// The directory, made if it is missing, by its one true path: nodes are recognised by it.
  private static func existingDirectory(_ path: String) throws -> String {
    try createDirectory(path)
    guard let real = realpath(path, nil) else {
      throw ServiceFailure(
        "the directory \(path) cannot be used: \(String(cString: strerror(errno)))")
    }
    defer { free(real) }
    return String(cString: real)
  }

  /// The cluster's credentials; one is made at the first start, for the owner's eyes only.
  func credentials() throws -> Credentials {
    let file = CredentialFile(path: credentialFile)
    if let found = try existingCredentials() { return Credentials(found) }
    try ServiceSettings.createDirectory(
      URL(fileURLWithPath: credentialFile).deletingLastPathComponent().path)
    do {
      return Credentials(try file.make())
    } catch {
      // Another program of the cluster, started at the same moment, may have made it.
      guard let found = try existingCredentials() else { throw error }
      return Credentials(found)
    }
  }

  /// Those of the credential's file; nil when there is none.
  /// - Throws: `ConfigurationError` when it holds something else, `ServiceFailure` when it cannot
  ///   be read.
  private func existingCredentials() throws -> [Credential]? {
    do {
      return try CredentialFile(path: credentialFile).credentials()
    } catch let error as CredentialError {
      throw configuration.wrong(
        "credential-file",
        "is \(credentialFile), which holds no credential: \(error.message); "
          + "put the cluster's there, or remove the file to have one made")
    }
  }

  /// - Throws: `ServiceFailure` that tells why the directory is not to be had.
  private static func createDirectory(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      // Foundation's error is written for programmers; the system's own tells it in few words.
      guard mkdir(path, 0o700) != 0 else { return }
      throw ServiceFailure(
        "the directory \(path) cannot be made: \(String(cString: strerror(errno)))")
    }
  }

  /// A store in a directory below the data directory.
  func openStore(_ name: String) throws -> RocksDBEngine {
    var options = RocksDBOptions()
    options.durability = durability
    return try RocksDBEngine(path: data + "/" + name, options: options)
  }
}
