import ArgumentParser
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import WireProtocol

/// Where the cluster is: what every client command understands.
struct ClusterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The gateway, or any node. (environment: SCALED_STORAGE_URL; default: \(defaultURL))",
      valueName: "url"))
  var url: String?

  @Option(
    help: ArgumentHelp(
      "How long to try a request, with its repetitions.", valueName: "seconds"))
  var timeout: Double = 30

  @OptionGroup var tls: ClientTLSOptions

  static let defaultURL = "http://127.0.0.1:8080"
  private static let variable = "SCALED_STORAGE_URL"

  func validate() throws {
    guard timeout > 0, timeout <= 86_400 else {
      throw ValidationError("--timeout is a number of seconds, more than 0 and at most 86400")
    }
    do {
      _ = try tls.files(isSecure: try endpoint().isSecure)
    } catch let error as CommandFailure {
      throw ValidationError(error.message)
    }
  }

  /// The URL that is in force.
  func endpoint(_ environment: Environment = .process) throws -> HTTPEndpoint {
    let text = url ?? environment.value(ClusterOptions.variable) ?? ClusterOptions.defaultURL
    do {
      return try HTTPEndpoint(text)
    } catch {
      throw CommandFailure(error.message)
    }
  }

  /// - Parameter connectPatience: how long a gateway that refuses connections is tried again.
  func connect(
    on loop: EventLoop? = nil, credential: Credential? = nil,
    connectPatience: Duration = .seconds(1),
    limits: ClientLimits = ClientLimits()
  ) throws -> ClusterEngine {
    do {
      let endpoint = try endpoint()
      var settings = ClusterEngine.Settings(endpoint: endpoint)
      settings.tls = try tls.files(isSecure: endpoint.isSecure).map { try TLSContext($0) }
      settings.timeout = .seconds(timeout)
      settings.connectPatience = min(connectPatience, .seconds(timeout))
      settings.credential = credential
      settings.limits = limits
      return try ClusterEngine(loop: loop ?? EventLoop(), settings)
    } catch let error as TransportError {
      throw CommandFailure(error.message)
    }
  }
}

/// The cluster's credential, for the commands that control it.
struct CredentialOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The file with the cluster's credential. (environment: SCALED_STORAGE_CREDENTIAL_FILE; \
      default: \(defaultFile), if there is one)
      """, valueName: "file"))
  var credentialFile: String?

  static let defaultFile = "./scaled-storage-data/credential"
  private static let variable = "SCALED_STORAGE_CREDENTIAL_FILE"

  /// Whether a file was named, by flag or environment.
  func isGiven(_ environment: Environment = .process) -> Bool {
    credentialFile != nil || environment.value(CredentialOptions.variable) != nil
  }

  /// The credential; nil when no file was named and the usual one does not exist.
  func credential(_ environment: Environment = .process) throws -> Credential? {
    let named = credentialFile ?? environment.value(CredentialOptions.variable)
    let path = named ?? CredentialOptions.defaultFile
    if named == nil, !InputFile.exists(path) { return nil }
    let bytes = try InputFile.read(path, limit: 4_096)
    let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    do throws(CredentialError) {
      return try Credential(text.count == 1 ? String(text[0]) : "")
    } catch {
      throw CommandFailure("\(path) holds no credential: \(error.message)")
    }
  }

  /// The credential of a command that cannot do without.
  func required(_ environment: Environment = .process) throws -> Credential {
    guard let credential = try credential(environment) else {
      throw CommandFailure(
        "this needs the cluster's credential: name its file with --credential-file "
          + "(there is no \(CredentialOptions.defaultFile))")
    }
    return credential
  }
}
