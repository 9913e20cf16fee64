import ArgumentParser
import Candid
import Cluster
import HTTPTransport
import ScaledStorage

/// `scaled-storage upload`, also run as `ss_uploader`.
struct UploadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "upload", abstract: "Give a WebAssembly module to the cluster.",
    discussion: """
      The module goes to the gateway in chunks, with its checksum, and from there to every node. \
      The same program, called ss_uploader, does this without a subcommand.

        scaled-storage upload application.wasm
        ss_uploader application.wasm --url http://127.0.0.1:8080
      """)

  @Argument(help: "The module's file.")
  var module: String

  @Flag(help: "Print the outcome as JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions
  @OptionGroup var secret: CredentialOptions

  func run() throws {
    let bytes = try InputFile.read(module, limit: ModuleUpload.maximumModuleBytes)
    guard bytes.starts(with: Array("\0asm".utf8)) else {
      throw CommandFailure("\(module) is no WebAssembly module: it does not begin with \\0asm")
    }
    let connection = try cluster.connect(credential: secret.required())
    var progress = ProgressDisplay("upload", unit: "bytes")
    defer { progress.end() }
    var sent = 0
    for chunk in UploadCommand.chunks(of: bytes) {
      _ = try connection.perform(try UploadCommand.request(chunk)).checked()
      sent += chunk.chunk.count
      progress.update(UInt64(sent), fraction: Double(sent) / Double(bytes.count))
    }
    progress.end()
    let outcome = Outcome(
      bytes: bytes.count, sha256: SHA256.hexadecimal(SHA256.digest(bytes)))
    if json {
      try JSONOutput.print(outcome)
    } else {
      try StandardStreams.write(
        "uploaded \(Figures.grouped(outcome.bytes)) bytes, SHA-256 \(outcome.sha256)\n")
    }
  }

  private struct Outcome: Encodable {
    var bytes: Int
    var sha256: String
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
