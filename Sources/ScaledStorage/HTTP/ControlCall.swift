package import Candid
package import HTTPTransport

/// A call of a method of the cluster, by someone who knows its credential.
package struct ControlCall {
  private let arguments: [CandidValue]
  private let name: String
  private let representation: Representation

  /// - Throws: `Problem` 401 and 403 without the credential, 405, 415, 400 for other faults.
  package init(
    _ name: String, parameters: CandidSignature, _ exchange: Exchange, credential: Credential
  ) throws(Problem) {
    try ControlCall.authorise(credential, exchange, name)
    guard exchange.method == .post else {
      throw .methodNotAllowed(
        allow: "POST", "call \(name) by POST, with its arguments in the body")
    }
    let given = try Representation.ofRequest(contentType: exchange.header("content-type"))
    representation = try Representation.ofAnswer(
      accept: exchange.header("accept"), fallback: given)
    arguments = try given.arguments(exchange.body, as: parameters)
    self.name = name
  }

  package init(
    _ method: ControlMethod, _ exchange: Exchange, credential: Credential
  ) throws(Problem) {
    try self.init(
      method.rawValue, parameters: method.parameters, exchange, credential: credential)
  }

  /// - Throws: `Problem` 401 without a credential, 403 with another one.
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
  }

  /// The only argument.
  package func argument<Argument: CandidConvertible>(
    as _: Argument.Type = Argument.self
  ) throws(Problem) -> Argument {
    do throws(CandidError) {
      guard let value = arguments.first else {
        throw CandidError(.typeMismatch, "\(name) takes one argument")
      }
      return try Argument(candidValue: value)
    } catch {
      throw Problem(400, "bad_arguments", "the arguments cannot be read: \(error.description)")
    }
  }

  package func answer(
    _ result: Result<[CandidValue], Problem>, as signature: CandidSignature
  ) -> Answer {
    do throws(Problem) {
      return Answer(
        status: 200, representation,
        body: try representation.body(try result.get(), as: signature))
    } catch {
      return Answer(error, as: representation)
    }
  }
}
