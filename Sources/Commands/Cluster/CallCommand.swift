import ArgumentParser
import HTTPTransport
import ScaledStorage
import ScaledStorageClient

/// `scaled-storage call`.
struct CallCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "call", abstract: "Call a method with arguments in Candid's text format.",
    discussion: """
      Prints the results as Candid text. The methods that control the cluster get its credential.

        scaled-storage call update_data '("key", "value")'
        scaled-storage call get_data '("key")'
        scaled-storage call node_info --accept json
      """)

  /// How results are printed.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json, hex

    var contentType: String {
      switch self {
      case .text: "text/candid"
      case .json: "application/json"
      case .hex: "application/candid"
      }
    }
  }

  @Argument(help: "The method's name.")
  var method: String

  @Argument(help: "Its arguments.")
  var arguments = "()"

  @Option(help: "Print results as Candid text, as JSON, or as binary Candid in hexadecimal.")
  var accept = Format.text

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  func validate() throws {
    guard !method.isEmpty, method.utf8.count <= 200,
      method.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"/?#%".utf8.contains($0) })
    else { throw ValidationError("\"\(method)\" cannot be a method's name") }
  }

  func run() throws {
    let connection = try cluster.connect(
      credential: needsCredential ? try secret.credential(orToken: cluster) : nil)
    let reply = try connection.perform(request).checked()
    try StandardStreams.write(
      accept == .hex ? Array((HexDigits.text(reply.body) + "\n").utf8) : reply.body)
  }

  /// A keyed method's caller needs none; who names a file wants it sent.
  private var needsCredential: Bool {
    secret.isGiven() || ["scale", "module_rollback"].contains(method)
      || ControlMethod(rawValue: method) != nil
  }

  var request: ClusterRequest {
    ClusterRequest(
      method: .post, target: "/" + method,
      headers: [("content-type", "text/candid"), ("accept", accept.contentType)],
      body: Array(arguments.utf8), isRepeatable: false)
  }
}
