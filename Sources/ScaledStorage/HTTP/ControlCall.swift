package import Candid
package import HTTPTransport
package import WireProtocol

/// A call of a method of the cluster, by someone who knows its credential and, over TLS, has a
/// certificate of its authority.
package struct ControlCall {
  /// The arguments, as they were sent.
  private let body: [UInt8]
  private let given: Representation
  /// How results are written.
  private let representation: Representation

  /// - Parameter expandedBytes: the most bytes that a compressed body may stand for.
  /// - Throws: `Problem` 401 and 403 without the credential, 405, 406 and 415 for other faults, 400
  ///   and 413 for a body that cannot be expanded.
  package init(
    _ name: String, _ exchange: Exchange, credential: Credential, expandedBytes: Int = 0
  ) throws(Problem) {
    try ControlCall.authorise(credential, exchange, name)
    guard exchange.method == .post else {
      throw .methodNotAllowed(
        allow: "POST", "call \(name) by POST, with its arguments in the body")
    }
    given = try Representation.ofRequest(contentType: exchange.header("content-type"))
    representation = try Representation.ofAnswer(
      accept: exchange.header("accept"), fallback: given)
    body = try ContentCoding.body(of: exchange, limit: expandedBytes)
  }

  /// - Throws: `Problem` 401 without a credential, 403 with another one or without a certificate.
  package static func authorise(
    _ credential: Credential, _ exchange: Exchange, _ name: String
  ) throws(Problem) {
    guard let header = exchange.header("authorization") else {
      throw Problem(
        401, "credential_missing",
        "\(name) is for the cluster only; send its credential as authorization: Bearer …")
    }
    guard credential.matches(header) else {
      throw Problem(
        403, "credential_refused",
        "the credential is not this cluster's; the file named by --credential-file holds it")
    }
    guard !exchange.lacksClientCertificate else {
      throw Problem(
        403, "certificate_missing",
        "\(name) is for the cluster only; show a certificate of its authority "
          + "(--tls-certificate and --tls-key; with curl --cert and --key)")
    }
  }

  /// The only argument.
  /// - Throws: `Problem` 400 when it cannot be read.
  package func argument<Argument: CandidConvertible>(
    as type: Argument.Type = Argument.self
  ) throws(Problem) -> Argument {
    try given.arguments(body, as: type)
  }

  /// - Throws: `Problem` 400 for arguments, of which there are none.
  package func noArguments() throws(Problem) {
    if !body.isEmpty { try given.arguments(body) }
  }

  /// The answer with the only result.
  package func answer<Value: CandidConvertible>(_ result: Result<Value, Problem>) -> Answer {
    answer { () throws(Problem) in try representation.body(try result.get()) }
  }

  /// The answer of a method without results.
  package func answer(_ result: Result<Void, Problem>) -> Answer {
    answer { () throws(Problem) in
      try result.get()
      return try representation.body()
    }
  }

  private func answer(_ body: () throws(Problem) -> [UInt8]) -> Answer {
    do throws(Problem) {
      return Answer(status: 200, representation, body: try body())
    } catch {
      return Answer(error, as: representation)
    }
  }
}
