package import HTTPTransport
package import WireProtocol

/// What a server and its service offer, for those who want to call it: made when first asked for,
/// and again when another module runs.
package final class InterfaceDocuments {
  private let server: OpenAPIDocument.Server
  private let application: Application
  private lazy var candidText = Array(application.candidText.utf8)
  private var openAPI: (module: [UInt8]?, document: [UInt8])?

  package init(_ application: Application, of server: OpenAPIDocument.Server) {
    self.application = application
    self.server = server
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

  /// The OpenAPI document of the server with the service's methods and the module's.
  /// - Parameter digest: of the module that runs.
  /// - Throws: as ``candid(ofModule:to:)``.
  package func openAPI(
    ofModule module: ModuleInterface?, digest: [UInt8]?, to exchange: Exchange
  ) throws(Problem) -> Disposition {
    let document: [UInt8]
    if let openAPI, openAPI.module == digest {
      document = openAPI.document
    } else {
      document = OpenAPIDocument(of: server, application, module: module).json
      openAPI = (digest, document)
    }
    return try write(
      Answer(status: 200, contentType: "application/json", body: document), to: exchange)
  }

  private func write(_ answer: Answer, to exchange: Exchange) throws(Problem) -> Disposition {
    guard exchange.method == .get || exchange.method == .head else {
      throw .methodNotAllowed(allow: "GET, HEAD", "ask by GET")
    }
    answer.write(to: exchange)
    return .done
  }
}
