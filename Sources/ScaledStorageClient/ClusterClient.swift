import HTTPTransport
import WireProtocol

/// A client of a cluster of nodes that share their keys: it finds the node that owns a key itself.
///
/// ```swift
/// let client = try ClusterClient("http://127.0.0.1:8080")
/// try await client.put("greeting", "hello")
/// let entry = try await client.get("greeting")
/// let points = try await client.call("add_score", "ada", 5, as: Int.self)
/// ```
///
/// A client can be shared by all tasks of a program; a few connections, each with many requests at
/// a time, serve them all. It has one thread of its own, on which requests are sent and answers
/// read. Dropping the client, or ``shutDown()``, ends it.
///
/// ## How keys find their owners
///
/// With the cluster's credential the client reads from the gateway's `/ring` where each key lives,
/// and sends every request to its owner at once. Without it the client learns owners from answers,
/// and asks the gateway about keys that it does not know. It follows forward responses in any case,
/// and reads the ring again when an answer tells of a newer one: nobody has to know that the
/// cluster grows. With ``Routing/gateway`` it speaks to the gateway only.
///
/// ## What is sent again
///
/// When a request fails, it is sent again within its time as long as that is safe: when it
/// certainly was not carried out, and reads, and writes without a condition, also when that is not
/// known, since carrying them out twice leaves the same value. (What others wrote between the two
/// is then overwritten by the second; a condition prevents that.) Calls of methods are repeated
/// only when they certainly were not carried out, queries always. Pauses between attempts grow, are
/// partly by chance, and are no shorter than the service asks for.
public final class ClusterClient: Sendable {
  /// Where requests go.
  public enum Routing: Sendable {
    /// To the nodes, which this program has to be able to reach.
    case direct
    /// To the gateway only, which passes them on.
    case gateway
  }

  /// The files by which the client and an `https` cluster know each other, in PEM.
  public struct TLS: Hashable, Sendable {
    /// The authorities that the cluster's certificates come from; nil trusts those of the system.
    public var authorities: String?
    /// The certificate to show to servers that ask for one.
    public var certificate: String?
    /// The certificate's private key.
    public var key: String?
    /// The DNS name that the certificates of gateway and nodes are for, where the cluster has one
    /// for all (its setting `tls-peer-name`); nil expects that of the address that is called.
    public var peerName: String?

    /// What is left out is not used.
    public init(
      authorities: String? = nil, certificate: String? = nil, key: String? = nil,
      peerName: String? = nil
    ) {
      self.authorities = authorities
      self.certificate = certificate
      self.key = key
      self.peerName = peerName
    }
  }

  let core: ClientCore
  private let ownsLoop: Bool

  /// Begins; the first request opens the first connection.
  ///
  /// When the URL has a name for a host, this waits for the system's resolver.
  /// - Parameters:
  ///   - url: the gateway, `http://HOST:PORT` or `https://HOST:PORT`; any node serves too.
  ///   - credential: the cluster's credential (the text in its file), which lets the client see
  ///     where keys live. It is sent to the server of `url` only. Over `https` the cluster wants a
  ///     certificate of its authority with it: `tls` names one.
  ///   - token: what tells the cluster who asks, where it wants to know: one that
  ///     `scaled-storage token add` printed. It goes to the gateway and to the nodes.
  ///   - routing: where requests go.
  ///   - tls: the files for `https`.
  ///   - headers: fields that every request carries, such as `authorization` for the service's own
  ///     callers. Names are lower-case.
  ///   - timeout: how long a request may take with all its attempts, unless it says otherwise.
  ///   - maximumOutstanding: how many requests may be under way at a time, 1 to 65,536; more fail
  ///     with ``ClientError/Code/overloaded``.
  /// - Throws: ``ClientError`` for a URL, a credential or files that cannot be used.
  public init(
    _ url: String, credential: String? = nil, token: String? = nil, routing: Routing = .direct,
    tls: TLS = TLS(),
    headers: [(name: String, value: String)] = [], timeout: Duration = .seconds(30),
    maximumOutstanding: Int = 16_384
  ) throws(ClientError) {
    var settings: ClusterEngine.Settings
    do {
      settings = ClusterEngine.Settings(endpoint: try HTTPEndpoint(url))
      settings.credential = try credential.map { (text) throws(CredentialError) in
        try Credential(text)
      }
      settings.token = try token.map { (text) throws(CredentialError) in try Credential(text) }
      let files = TLSFiles(
        certificate: tls.certificate, key: tls.key, authorities: tls.authorities)
      guard settings.endpoint.isSecure || tls == TLS() else {
        throw ClientError(.invalidRequest, "the files for TLS need a URL with https://")
      }
      if settings.endpoint.isSecure { settings.tls = try TLSContext(files, peerName: tls.peerName) }
    } catch let error as ClientError {
      throw error
    } catch let error as TransportError {
      throw ClientError(error)
    } catch let error as CredentialError {
      throw ClientError(.invalidRequest, error.message)
    } catch {
      throw ClientError(.invalidRequest, "\(error)")
    }
    guard token == nil || !headers.contains(where: { $0.name == "authorization" }) else {
      throw ClientError(
        .invalidRequest, "a token goes into the field authorization: give one of the two")
    }
    guard timeout > .zero, (1...65_536).contains(maximumOutstanding) else {
      throw ClientError(
        .invalidRequest, "timeout is more than zero, and maximumOutstanding 1 to 65536")
    }
    settings.routing = routing == .direct ? .direct : .gateway
    settings.headers = headers
    settings.timeout = timeout
    settings.connectPatience = timeout
    settings.maximumOutstanding = maximumOutstanding
    settings.limits.maxOutstanding = maximumOutstanding
    // What is allowed to be under way may wait for a stream.
    settings.limits.maxWaitingPerPeer = maximumOutstanding
    core = try ClientCore.start(settings)
    ownsLoop = true
  }

  /// A client on a loop that someone else runs.
  package init(_ engine: ClusterEngine) {
    core = ClientCore(engine)
    ownsLoop = false
  }

  deinit { shutDown() }

  /// Runs tasks on the client's own thread, between its events.
  ///
  /// A task that prefers it (`Task(executorPreference: client.executor) { … }`) saves the change of
  /// threads before each request and after each answer. Such a task must not block or compute for
  /// long: it keeps every other request of the client waiting. Once the client has ended, these
  /// tasks go on where others run.
  public var executor: any TaskExecutor { core.executor }

  /// Fails what is under way, and everything later, with ``ClientError/Code/cancelled``, and closes
  /// the connections.
  public func shutDown() { core.shutDown(endsLoop: ownsLoop) }

  /// What the client has done so far. The figures are read one by one while requests go on, so that
  /// they may be of slightly different moments.
  public var statistics: ClientStatistics { ClientStatistics(core.counters) }
}
