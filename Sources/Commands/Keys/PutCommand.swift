import ArgumentParser
import HTTPTransport
import ScaledStorage
import ScaledStorageClient

/// `scaled-storage put`.
struct PutCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "put", abstract: "Store a value under a key.",
    discussion: """
      Prints nothing unless asked to. The value is taken as it is, byte for byte.

        scaled-storage put greeting hello
        scaled-storage put picture --file picture.png --ttl 3600
        date | scaled-storage put now -
        scaled-storage put greeting hi --if-match 17
      """)

  @Argument(help: "The key: 1 to 1,024 bytes.")
  var key: KeyArgument

  @Argument(help: "The value, or - to read standard input.")
  var value: String?

  @Option(help: "Read the value from this file.")
  var file: String?

  @Option(help: "Seconds after which the key expires.")
  var ttl: UInt32?

  @Option(help: "Store only when the value there has this version (an etag, or * for any).")
  var ifMatch: String?

  @Flag(help: "Store only when there is no value yet.")
  var ifNoneMatch = false

  @Flag(name: .shortAndLong, help: "Print whether the key was new, and its version.")
  var verbose = false

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions

  private static let largestValue = 64 << 20

  func validate() throws {
    try key.validate()
    guard (value == nil) != (file == nil) else {
      throw ValidationError("give the value as an argument, - for standard input, or --file")
    }
    guard ifMatch == nil || !ifNoneMatch else {
      throw ValidationError("--if-match and --if-none-match exclude each other")
    }
    guard ttl != 0 else { throw ValidationError("--ttl is at least 1 second") }
  }

  func run() throws {
    let reply = try cluster.connect().perform(try request()).checked()
    let outcome = WriteOutcome(reply)
    if json {
      try JSONOutput.print(outcome)
    } else if verbose {
      try StandardStreams.write(
        (outcome.created ? "created" : "replaced") + ", etag \(outcome.etag ?? "unknown")\n")
    }
  }

  func request() throws(CommandFailure) -> ClusterRequest {
    var request = ClusterRequest.put(key.bytes, try content())
    request.headers.append(("content-type", "application/octet-stream"))
    if let ttl { request.target += "?ttl=\(ttl)" }
    if let ifMatch { request.headers.append(("if-match", EntityTagArgument.header(ifMatch))) }
    if ifNoneMatch { request.headers.append(("if-none-match", "*")) }
    // Done twice, a conditional write would refuse itself.
    request.isRepeatable = ifMatch == nil && !ifNoneMatch
    return request
  }

  private func content() throws(CommandFailure) -> [UInt8] {
    if let file { return try InputFile.read(file, limit: PutCommand.largestValue) }
    if value == "-" { return try InputFile.readStandardInput(limit: PutCommand.largestValue) }
    return Array((value ?? "").utf8)
  }
}

/// What became of a write.
struct WriteOutcome: Encodable {
  var created: Bool
  var etag: String?
  var node: String?

  init(_ reply: ClusterReply) {
    created = reply.status == 201
    etag = reply.response.header("etag")
    node = reply.response.header("ss-node")
  }
}
