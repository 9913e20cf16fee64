import ArgumentParser
import HTTPTransport
import WireProtocol

/// Where a cluster is that a fault run lets clients work at.
struct AttachmentOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The gateways of a cluster that runs: do no harm, only load it and judge what it answers.",
      valueName: "url,…"))
  var url: String?

  @Flag(help: "Reach nodes by the gateways only, where clients have no way to them.")
  var proxy = false

  @Option(
    help: ArgumentHelp(
      "How long each request is waited for. (default: 0.4, some 3)", valueName: "seconds"))
  var patience: Double?

  @Flag(help: "Leave the keys there when the run is over.")
  var keepKeys = false

  @Option(
    help: ArgumentHelp(
      """
      The file with the token that tells the cluster who asks. (environment: \
      SCALED_STORAGE_TOKEN_FILE, or the token itself in SCALED_STORAGE_TOKEN)
      """, valueName: "file"))
  var tokenFile: String?

  @OptionGroup var credential: CredentialOptions
  @OptionGroup var tls: ClientTLSOptions

  private static let mostGateways = 64

  func validate() throws {
    if let patience, !(0.001...3_600).contains(patience) {
      throw ValidationError("--patience is 0.001 to 3600 seconds")
    }
    do throws(CommandFailure) {
      let gateways = try gateways()
      if !gateways.isEmpty { _ = try tls.files(isSecure: gateways[0].isSecure) }
    } catch {
      throw ValidationError(error.message)
    }
  }

  private func gateways() throws(CommandFailure) -> [HTTPEndpoint] {
    var endpoints: [HTTPEndpoint] = []
    for part in (url ?? "").split(separator: ",") {
      do throws(TransportError) {
        endpoints.append(try HTTPEndpoint(part.trimmed))
      } catch {
        throw CommandFailure(error.message)
      }
    }
    guard url == nil || (1...AttachmentOptions.mostGateways).contains(endpoints.count) else {
      throw CommandFailure(
        "--url names 1 to \(AttachmentOptions.mostGateways) gateways, with commas between them")
    }
    guard endpoints.allSatisfy({ $0.isSecure == endpoints[0].isSecure }) else {
      throw CommandFailure("--url names gateways with http or with https, not both")
    }
    return endpoints
  }

  /// What a run needs to know; reads the files that are named.
  func settings(
    duration: Duration, seed: UInt64, keys: Int, clients: Int
  ) throws -> AttachedTorture.Settings {
    let gateways = try gateways()
    guard let first = gateways.first else { throw CommandFailure("--url names no gateway") }
    var security = TortureSender.Security()
    security.tls = try tls.context(isSecure: first.isSecure)
    security.credential =
      try credential.isGiven()
      ? credential.credential()
      : ClusterOptions.token(file: tokenFile) ?? credential.credential()
    return AttachedTorture.Settings(
      gateways: gateways, duration: duration, seed: seed, keys: keys, clients: clients,
      alwaysProxies: proxy, patience: patience.map { .milliseconds(Int64($0 * 1_000)) },
      security: security, keepsKeys: keepKeys)
  }
}
