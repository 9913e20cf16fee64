package import ArgumentParser
import Foundation
import ScaledStorage

/// `PROGRAM interface`: what the service's methods are, for those who want to call them.
package struct InterfaceCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "interface",
    abstract: "Print the service's methods as a .did file, or as an OpenAPI document.",
    discussion: """
      Nodes and gateways answer the same by GET /service.did and, each with its own paths,
      GET /openapi.json; the document printed is a gateway's.
      """)

  @Flag(help: "Print the OpenAPI document (JSON).")
  var openapi = false

  package init() {}

  /// The document that was asked for.
  var document: [UInt8] {
    let application = ServedProgram.current.application
    return openapi
      ? OpenAPIDocument(of: .gateway, application).json : Array(application.candidText.utf8)
  }

  package func run() throws {
    try FileHandle.standardOutput.write(contentsOf: Data(document))
  }
}
