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

  @Option(
    help: ArgumentHelp(
      """
      The file with the token that tells the cluster who asks. (environment: \
      SCALED_STORAGE_TOKEN_FILE, or the token itself in SCALED_STORAGE_TOKEN)
      """, valueName: "file"))
  var tokenFile: String?

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

  /// The token to show; nil when none was given.
  /// - Throws: `CommandFailure` for a file that holds none.
  func token(_ environment: Environment = .process) throws -> Credential? {
    try ClusterOptions.token(file: tokenFile, environment)
  }

  /// The token in the file that was named, or the one of the environment.
  static func token(
    file: String?, _ environment: Environment = .process
  ) throws -> Credential? {
    let path = file ?? environment.value("SCALED_STORAGE_TOKEN_FILE")
    let text: String
    if let path {
      text = String(decoding: try InputFile.read(path, limit: 4_096), as: UTF8.self)
    } else if let given = environment.value("SCALED_STORAGE_TOKEN"), !given.isEmpty {
      text = given
    } else {
      return nil
    }
    do throws(CredentialError) {
      return try Credential(
        text.split(whereSeparator: \.isNewline).first.map { $0.trimmed } ?? "")
    } catch {
      throw CommandFailure("\(path ?? "SCALED_STORAGE_TOKEN") holds no token: \(error.message)")
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
      settings.tls = try tls.context(isSecure: endpoint.isSecure)
      settings.timeout = .seconds(timeout)
      settings.connectPatience = min(connectPatience, .seconds(timeout))
      settings.credential = credential
      settings.token = try token()
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

  /// The file that was named, or the usual one.
  func path(_ environment: Environment = .process) -> String {
    credentialFile ?? environment.value(CredentialOptions.variable) ?? CredentialOptions.defaultFile
  }

  /// The credential; nil when no file was named and the usual one does not exist.
  func credential(_ environment: Environment = .process) throws -> Credential? {
    let named = credentialFile ?? environment.value(CredentialOptions.variable)
    let path = named ?? CredentialOptions.defaultFile
    if named == nil, !InputFile.exists(path) { return nil }
    let bytes = try InputFile.read(path, limit: 4_096)
    do throws(CredentialError) {
      // The first of the lines is the one in use.
      return try Credentials.read(String(decoding: bytes, as: UTF8.self))[0]
    } catch {
      throw CommandFailure("\(path) holds no credential: \(error.message)")
    }
  }

  /// The same, but nil where there is a token and no file was named.
  func credential(
    orToken cluster: ClusterOptions, _ environment: Environment = .process
  ) throws -> Credential? {
    if !isGiven(environment), try cluster.token(environment) != nil { return nil }
    return try credential(environment)
  }

  /// The credential of a command that needs it or a token of the role admin; nil when there is a
  /// token, unless a credential's file was named.
  func required(
    orToken cluster: ClusterOptions, _ environment: Environment = .process
  ) throws -> Credential? {
    let credential = try credential(orToken: cluster, environment)
    guard try credential != nil || cluster.token(environment) != nil else {
      throw CommandFailure(
        "this needs the cluster's credential or a token of the role admin: name its file with "
          + "--credential-file (there is no \(CredentialOptions.defaultFile)) or --token-file")
    }
    return credential
  }
}
