import ArgumentParser
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import WireProtocol

/// `scaled-storage delete`.
struct DeleteCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Remove a key and its value.",
    discussion: """
      Ends with status 1 when there is no value.

        scaled-storage delete greeting
        scaled-storage delete greeting --if-match 17
      """)

  @Argument(help: "The key.")
  var key: KeyArgument

  @Option(help: "Remove only when the value there has this version (an etag, or * for any).")
  var ifMatch: String?

  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    try key.validate()
  }

  func run() throws {
    var request = ClusterRequest(
      method: .delete, target: KeyTarget.path(of: key.bytes), isRepeatable: false)
    if let ifMatch { request.headers.append(("if-match", EntityTagArgument.header(ifMatch))) }
    _ = try cluster.connect().perform(request).checked()
  }
}
