package import HTTPTransport
package import WireProtocol

/// What a service's methods are, for those who want to call them: made once, when first asked for.
package final class InterfaceDocuments {
  private let application: Application
  private lazy var candidText = Array(application.candidText.utf8)
  private lazy var openAPIDocument = application.openAPI()

  package init(_ application: Application) {
    self.application = application
  }

  /// The source of a `.did` file: of the module that runs, if there is one that tells its types,
  /// else of the service.
  /// - Throws: `Problem` for other methods than GET and HEAD.
  package func candid(
    ofModule text: String?, to exchange: Exchange
  ) throws(Problem) -> Disposition {
    try write(
      Answer(
        status: 200, contentType: "text/plain; charset=utf-8",
        body: text.map { Array($0.utf8) } ?? candidText), to: exchange)
  }

  /// An OpenAPI document of the service.
  /// - Throws: as ``candid(ofModule:to:)``.
  package func openAPI(to exchange: Exchange) throws(Problem) -> Disposition {
    try write(
      Answer(status: 200, contentType: "application/json", body: openAPIDocument), to: exchange)
  }

  private func write(_ answer: Answer, to exchange: Exchange) throws(Problem) -> Disposition {
    guard exchange.method == .get || exchange.method == .head else {
      throw .methodNotAllowed(allow: "GET, HEAD", "ask by GET")
    }
    answer.write(to: exchange)
    return .done
  }
}
