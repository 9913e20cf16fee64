package import HTTPTransport
package import WireProtocol

/// Knows who sends a request, and lets pass what the sender may do.
///
/// It belongs to one loop's thread. What it decides by may be replaced while the program runs.
package final class AccessControl {
  /// What it decides by.
  package struct Rules: Sendable {
    /// Nil without an access file.
    package var list: AccessList?
    /// What whoever is not known may do.
    package var anonymous = Role.write
    package var limits = RateLimits()

    package init() {}

    /// The same for rules that let the same callers do the same, whatever the order of the file's
    /// lines, and what it says beside them: 16 hexadecimal digits of a SHA-256.
    package var digest: String {
      let lines = (list?.entries ?? []).map(\.summary).sorted()
      let text = ([anonymous.rawValue] + lines).joined(separator: "\n")
      return String(SHA256.hexadecimal(SHA256.digest(Array(text.utf8))).prefix(16))
    }
  }

  /// Who sends a request.
  package struct Identity {
    package var caller: Caller
    package var proof: Proof
  }

  /// How a sender is known.
  package enum Proof: Hashable {
    /// It showed nothing.
    case none
    /// It showed a token that is not known here, and may be the service's own.
    case unknownToken
    /// It showed the credential, and not the certificate that has to go with it.
    case missingCertificate
    case token
    case certificate
    /// The cluster's credential: the one in use, which stands at 0, or another valid one.
    case credential(place: Int)
    /// A program of the cluster passes the request on, and has decided.
    case passedOn
  }

  package let credentials: Credentials
  package let audit: AuditLog
  package private(set) var rules: Rules
  private var limiter: RateLimiter?
  /// Whether everybody may read and write at any rate: then nobody needs to be known for that.
  package private(set) var isOpen: Bool
  /// Called when others may do something than before.
  package var onChange: () -> Void = {}
  /// Who sent the request that was asked about last: it is asked about again as it is passed on.
  private var last: (token: ExchangeToken, identity: Identity)?
  /// Callers that other programs of the cluster told of lately.
  private var told: [Caller?]

  package init(
    _ credentials: Credentials, _ rules: Rules = Rules(), audit: AuditLog = AuditLog()
  ) {
    self.credentials = credentials
    self.audit = audit
    self.rules = rules
    limiter = rules.limits.isEmpty ? nil : RateLimiter(rules.limits)
    isOpen = AccessControl.isOpen(rules)
    told = Array(repeating: nil, count: AccessControl.toldCount)
  }

  private static let toldCount = 64

  private static func isOpen(_ rules: Rules) -> Bool {
    rules.list == nil && rules.anonymous >= .write && rules.limits.isEmpty
  }

  /// Another access file is in force.
  package func replace(list: AccessList) {
    rules.list = list
    last = nil
    limiter?.keepOnly(list.names)
    onChange()
  }

  /// Other credentials are valid; the first is to be used.
  package func replace(credentials: [Credential]) {
    self.credentials.replace(with: credentials)
    last = nil
    onChange()
  }

  // MARK: - Who it is

  /// Who sends a request.
  /// - Throws: `Problem` 400 when the request says so twice.
  package func identity(of exchange: Exchange) throws(Problem) -> Identity {
    let identity = try find(exchange)
    last = (exchange.token, identity)
    return identity
  }

  private func find(_ exchange: Exchange) throws(Problem) -> Identity {
    var proof = Proof.none
    if exchange.carriesCredential {
      if let caller = passedOn(exchange) { return Identity(caller: caller, proof: .passedOn) }
      switch exchange.fieldCount("authorization") {
      case 0: break
      case 1:
        let found = exchange.withHeader("authorization") { bearer($0, exchange) }
        if let caller = found?.caller {
          return Identity(caller: caller, proof: found?.proof ?? .none)
        }
        proof = found?.proof ?? .none
      case let count:
        // A program before this one may have looked at another of them.
        throw Problem(
          400, "bad_header", "authorization comes \(count) times; send it once")
      }
    }
    if exchange.isSecure, let list = rules.list, list.hasCertificates,
      let digest = exchange.clientCertificateDigest, let caller = list.caller(certificate: digest)
    {
      return Identity(caller: caller, proof: .certificate)
    }
    return Identity(caller: .anonymous(rules.anonymous), proof: proof)
  }

  private func bearer(
    _ header: UnsafeRawBufferPointer, _ exchange: Exchange
  ) -> (caller: Caller?, proof: Proof) {
    guard let token = BearerToken.bytes(in: header) else { return (nil, .unknownToken) }
    if let place = credentials.place(of: token) {
      return exchange.lacksClientCertificate
        ? (nil, .missingCertificate) : (.cluster, .credential(place: place))
    }
    if let caller = rules.list?.caller(token: token) { return (caller, .token) }
    return (nil, .unknownToken)
  }

  /// The caller that a program of the cluster tells of. It is believed only what comes with the
  /// credential in the same request: a proxy between may send others' requests on the connection.
  private func passedOn(_ exchange: Exchange) -> Caller? {
    exchange.withHeader("ss-caller") { field -> Caller? in
      guard isOfCluster(exchange) else { return nil }
      var hash: UInt64 = 0xcbf2_9ce4_8422_2325
      for byte in field { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      let slot = Int(hash % UInt64(AccessControl.toldCount))
      if let known = told[slot], known.field.elementsEqual(field) { return known }
      let caller = Caller(field: field)
      if let caller { told[slot] = caller }
      return caller
    } ?? nil
  }

  /// Whether a request carries the credential in the field by which programs of the cluster show
  /// it, and the certificate that goes with it over TLS.
  func isOfCluster(_ exchange: Exchange) -> Bool {
    let shown = exchange.withHeader("ss-credential") { header in
      BearerToken.bytes(in: header).flatMap { credentials.place(of: $0) } != nil
    }
    return shown == true && !exchange.lacksClientCertificate
  }

  /// Whether a connection that brings this request is held for one of the cluster's own.
  func trusts(_ exchange: Exchange) -> Bool {
    if isOfCluster(exchange) { return true }
    let shown = exchange.withHeader("authorization") { header in
      BearerToken.bytes(in: header).flatMap { credentials.place(of: $0) } != nil
    }
    return shown == true && !exchange.lacksClientCertificate
  }

  // MARK: - What it may do

  /// Lets a request pass whose sender has at least the role `needed`, within its rate.
  ///
  /// - Parameter what: what the request asks for, as the subject of a sentence.
  /// - Throws: `Problem` 429 beyond the sender's rate, 401 without anything that tells who sends
  ///   it, 403 for another role, 400 as ``identity(of:)``.
  @discardableResult
  package func admit(
    _ exchange: Exchange, as needed: Role, to what: @autoclosure () -> String
  ) throws(Problem) -> Identity {
    let identity = try identity(of: exchange)
    let isEnough = identity.caller.role >= needed
    do throws(Problem) {
      // What is refused counts as well: tokens are not to be guessed at any rate.
      if needed > .none { try count(identity, exchange) }
      guard isEnough else { throw AccessControl.refusal(identity, needed, what()) }
    } catch {
      if !isEnough, needed >= .admin {
        audit.noteRefusal(what(), by: AuditLog.Origin(identity.caller, exchange), error)
      }
      throw error
    }
    return identity
  }

  /// Counts a request against its sender's rate.
  /// - Throws: `Problem` 429 beyond it.
  func count(_ identity: Identity, _ exchange: Exchange) throws(Problem) {
    guard let limiter, identity.proof != .passedOn else { return }
    let isAnonymous =
      switch identity.proof {
      case .none, .unknownToken, .missingCertificate: true
      default: false
      }
    let seconds = limiter.wait(
      identity.caller, isAnonymous: isAnonymous, from: exchange.peer, now: .current())
    guard let seconds else { return }
    var problem = Problem(
      429, "rate_limited",
      "\(identity.caller.name) sends more requests a second than --rate-limits allows"
        + (isAnonymous
          ? " without a token that is known" : " to the role \(identity.caller.role.rawValue)")
        + "; send fewer")
    problem.retryAfter = seconds
    throw problem
  }

  private static func refusal(_ identity: Identity, _ needed: Role, _ what: String) -> Problem {
    switch identity.proof {
    case .none:
      return Problem(
        401, "credential_missing",
        needed == .cluster
          ? "\(what) is for the cluster only; send its credential as authorization: Bearer …"
          : "\(what) needs the role \(needed.rawValue); send a token that has it, or the cluster's "
            + "credential, as authorization: Bearer …")
    case .unknownToken:
      return Problem(
        403, "credential_refused",
        "the token is neither known here nor this cluster's credential, which the file named by "
          + "--credential-file holds")
    case .missingCertificate:
      return Problem(
        403, "certificate_missing",
        "\(what) by the credential is for the cluster only; show a certificate of its authority "
          + "(--tls-certificate and --tls-key; with curl --cert and --key)")
    case .token, .certificate, .credential, .passedOn:
      return Problem(
        403, "role_too_low",
        "\(identity.caller.name) has the role \(identity.caller.role.rawValue), and \(what) needs "
          + "\(needed.rawValue)")
    }
  }

  // MARK: - What it passes on

  /// Who sends a request, for the program that it is passed on to; nil when nobody needs to know.
  func passing(_ exchange: Exchange) -> Caller? {
    guard !isOpen else { return nil }
    if let last, last.token == exchange.token { return last.identity.caller }
    return (try? identity(of: exchange))?.caller
  }

  /// The fields by which a node is told who calls.
  package func fields(for caller: Caller) -> [(name: String, value: String)] {
    [
      ("ss-caller", "\(caller.name) \(caller.role.rawValue)"),
      ("ss-credential", credentials.used.headerValue),
    ]
  }

  /// Tells a node for whom a request is passed on.
  func addFields(_ caller: Caller?, to request: RequestEncoder) throws(TransportError) {
    guard let caller else { return }
    try request.append("ss-caller", text: caller.field)
    try request.append("ss-credential", text: credentials.used.headerBytes)
  }
}
