package import HTTPTransport
package import WireProtocol

/// What a service's methods are, for those who want to call them.
package enum InterfaceAnswer {
  /// The source of a `.did` file.
  /// - Throws: `Problem` for other methods than GET and HEAD.
  package static func candid(_ text: String, to exchange: Exchange) throws(Problem) -> Disposition {
    try write(
      Answer(status: 200, contentType: "text/plain; charset=utf-8", body: Array(text.utf8)),
      to: exchange)
  }

  /// An OpenAPI document.
  /// - Throws: as ``candid(_:to:)``.
  package static func openAPI(
    _ application: Application, to exchange: Exchange
  ) throws(Problem) -> Disposition {
    try write(
      Answer(
        status: 200, contentType: "application/json",
        body: application.openAPI()), to: exchange)
  }

  private static func write(
    _ answer: Answer, to exchange: Exchange
  ) throws(Problem) -> Disposition {
    guard exchange.method == .get || exchange.method == .head else {
      throw .methodNotAllowed(allow: "GET, HEAD", "ask by GET")
    }
    answer.write(to: exchange)
    return .done
  }
}
