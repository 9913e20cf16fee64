import ArgumentParser
import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import ScaledStorageClient

/// `scaled-storage upload`, also run as `ss_uploader`.
struct UploadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "upload", abstract: "Give a WebAssembly module to the cluster.",
    discussion: """
      The module goes to the gateway in chunks, with its checksum. There it is checked, also that \
      callers of the module before it can go on, and then comes to the nodes one by one. The same \
      program, called ss_uploader, does this without a subcommand.

        scaled-storage upload application.wasm
        scaled-storage upload application.wasm.gz --candid application.did
        ss_uploader application.wasm --url http://127.0.0.1:8080
      """)

  @Argument(help: "The module's file, also compressed by gzip.")
  var module: String

  @Option(
    help: ArgumentHelp(
      "The module's interface in Candid, where the module does not carry it.", valueName: "file"))
  var candid: String?

  @Flag(help: "Upload it also when callers of the present module would break.")
  var force = false

  @Flag(help: "Take imports that there are not here; a call of one traps.")
  var stubImports = false

  @Flag(help: "Do not wait until all nodes have it.")
  var noWait = false

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  func run() throws {
    let file = try ModuleFile(module, candid: candid)
    let stored = try file.embedded(stubsImports: stubImports)
    let connection = try cluster.connect(credential: secret.required(orToken: cluster))
    try send(file, connection)
    let digest = SHA256.hexadecimal(stored.digest)
    let info =
      noWait
      ? nil : try ModuleRoll(connection: connection, patience: cluster.timeout).wait(for: digest)
    let outcome = ModuleOutcome(sha256: digest, bytes: UInt64(stored.bytes.count), info)
    if json {
      try JSONOutput.print(outcome)
    } else {
      let isNode = !noWait && info == nil
      try StandardStreams.write(
        outcome.text(isNode ? UploadCommand.atNodeText : "is uploaded"))
    }
  }

  /// What a node answers does not tell whether it belongs to a cluster.
  static let atNodeText =
    "is uploaded to a node; if that has a gateway, the gateway tells how far it has come: "
    + "scaled-storage module list --url http://ADDRESS"

  private func send(_ file: ModuleFile, _ connection: ClusterEngine) throws {
    var progress = ProgressDisplay("upload", unit: "bytes")
    defer { progress.end() }
    let size = file.module.bytes.count
    var sent = 0
    for var chunk in UploadCommand.chunks(of: file.module.bytes) {
      if chunk.position == 2 {
        chunk.candid = file.candid
        chunk.force = force ? true : nil
        chunk.stubImports = stubImports ? true : nil
      }
      _ = try connection.perform(try UploadCommand.request(chunk)).checked()
      sent += chunk.chunk.count
      progress.update(UInt64(sent), fraction: Double(sent) / Double(size))
    }
  }

  /// The chunks in order; the last one carries the checksum of the whole.
  static func chunks(
    of bytes: [UInt8], size: Int = ModuleUpload.maximumChunkBytes
  ) -> [WasmInitArgs] {
    stride(from: 0, to: bytes.count, by: size).map { offset in
      let end = min(offset + size, bytes.count)
      let isLast = end == bytes.count
      return WasmInitArgs(
        position: isLast ? 2 : offset == 0 ? 0 : 1, chunk: Array(bytes[offset..<end]),
        offset: UInt64(offset), sha256: isLast ? SHA256.digest(bytes) : nil)
    }
  }

  static func request(_ chunk: WasmInitArgs) throws(CommandFailure) -> ClusterRequest {
    do throws(CandidError) {
      return ClusterRequest(
        method: .post, target: "/" + ControlMethod.initWasm.rawValue,
        headers: [("content-type", "application/candid"), ("accept", "application/json")],
        body: try CandidArguments.encode(chunk), isRepeatable: false)
    } catch {
      throw CommandFailure("the chunk cannot be encoded: \(error.description)")
    }
  }
}

/// The program under the name `ss_uploader`: the `upload` command by itself.
struct UploaderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ss_uploader", abstract: "Give a WebAssembly module to the cluster.",
    discussion: """
        ss_uploader application.wasm --url http://127.0.0.1:8080
      """, version: scaledStorageVersion)

  @OptionGroup var upload: UploadCommand

  func run() throws {
    try upload.run()
  }
}
