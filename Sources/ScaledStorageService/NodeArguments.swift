import Foundation
import Gateway
import HTTPTransport
import Logging
import ScaledStorage
import Storage

extension ProcessLauncher.Settings {
  /// How the gateway's own nodes are started.
  init(_ settings: ServiceSettings) throws {
    self.init(
      directory: settings.data + "/nodes", executable: ProgramFile.path,
      arguments: [
        "--credential-file", URL(fileURLWithPath: settings.credentialFile).path,
        "--forward", settings.forward.rawValue, "--durability", settings.durability.rawValue,
        "--max-value-bytes", String(settings.maxValueBytes),
        "--handover-rate", settings.handoverRate.description,
        "--cache-bytes", settings.cacheBytes.description,
        "--handover-compression", settings.handoverCompression.rawValue,
        "--log-level", settings.logLevel.rawValue, "--port-fallback",
      ], host: try ProcessLauncher.Settings.nodeHost(settings))
    if let limits = settings.limits { arguments += ["--limits", limits] }
    arguments += settings.telemetry.arguments
    arguments += settings.modules.arguments { URL(fileURLWithPath: $0).path }
    sharedFlags = ["--tls-certificate"]
    // Else nodes of before would let pass whom the gateway does not.
    sharedValues = AccessSettings.decisiveFlags
    if let tls = settings.tls {
      arguments += tls.arguments { URL(fileURLWithPath: $0).path }
    }
    arguments += settings.etcd?.arguments { URL(fileURLWithPath: $0).path } ?? []
    arguments += settings.access.arguments { URL(fileURLWithPath: $0).path }
    if settings.allowPlaintext { arguments.append("--allow-plaintext") }
    // The gateway's own settings are not those of its nodes.
    environment = ProcessInfo.processInfo.environment
      .filter { !$0.key.hasPrefix("SCALED_STORAGE_") }
      .map { "\($0.key)=\($0.value)" }
  }

  /// Nodes listen where the gateway does, so that who reaches one reaches the others; a gateway on
  /// all addresses has its nodes on the loopback address.
  private static func nodeHost(_ settings: ServiceSettings) throws -> String {
    let address = try settings.listenAddress()
    if address.isUnspecified { return "127.0.0.1" }
    return address.isIPv6 ? "[\(address.host)]" : address.host
  }
}
