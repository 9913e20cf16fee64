package import HTTPTransport
package import WireProtocol

extension AccessControl {
  /// The same for who knows the cluster's credential, whatever methods a service has; nil for
  /// others.
  package func reportToCluster(_ exchange: Exchange) throws(Problem) -> Disposition? {
    guard exchange.carriesCredential,
      case .credential = try identity(of: exchange).proof
    else { return nil }
    return try report(to: exchange)
  }

  /// `whoami`: who the server takes the sender for, and what that may do.
  /// - Throws: `Problem` 403 for the credential without the certificate that goes with it, 429 for
  ///   too many tokens that are not known.
  package func report(to exchange: Exchange) throws(Problem) -> Disposition {
    let identity = try identity(of: exchange)
    switch identity.proof {
    case .missingCertificate: try admit(exchange, as: .cluster, to: "whoami")
    // The answer tells whoever guesses a token whether it is one.
    case .unknownToken: try count(identity, exchange)
    default: break
    }
    var report = CallerReport(name: identity.caller.name, role: identity.caller.role.rawValue)
    if case .credential(let place) = identity.proof {
      report.credential = place == 0 ? "used" : "accepted"
      report.access = rules.digest
    }
    var answer = try QueryAnswer.make(report, to: exchange)
    answer.headers.append(("cache-control", "no-store"))
    answer.write(to: exchange)
    return .done
  }
}
