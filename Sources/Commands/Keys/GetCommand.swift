import ArgumentParser
import Foundation
import HTTPTransport
import ScaledStorageClient

/// `scaled-storage get`.
struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Print the value under a key, byte for byte.",
    discussion: """
      Ends with status 1 when there is no value.

        scaled-storage get greeting
        scaled-storage get picture > picture.png
      """)

  @Argument(help: "The key.")
  var key: KeyArgument

  @Flag(help: "Print the value with its version as JSON; what is not UTF-8, in base64.")
  var json = false

  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    try key.validate()
  }

  func run() throws {
    let reply = try cluster.connect().perform(.get(key.bytes)).checked()
    guard json else { return try StandardStreams.write(reply.body) }
    try JSONOutput.print(Outcome(key.bytes, reply))
  }

  private struct Outcome: Encodable {
    var key: String
    var value: String?
    var base64: String?
    var etag: String?
    var node: String?

    init(_ key: [UInt8], _ reply: ClusterReply) {
      self.key = String(decoding: key, as: UTF8.self)
      value = String(validating: reply.body, as: UTF8.self)
      if value == nil { base64 = Data(reply.body).base64EncodedString() }
      etag = reply.response.header("etag")
      node = reply.response.header("ss-node")
    }
  }
}
