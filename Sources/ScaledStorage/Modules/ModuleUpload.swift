package import Cluster
import HTTPTransport
import WasmRuntime
package import WireProtocol

/// A WebAssembly module on its way in, chunk by chunk, by `init_wasm`.
///
/// Chunks come in order. A repeated or skipped chunk is refused and the upload stands where it was,
/// so that the sender can go on; a module that fails its checks at the end is dropped.
package struct ModuleUpload {
  package static let maximumChunkBytes = 1 << 20
  /// The usual limit of modules.
  package static let maximumModuleBytes = WasmLimits().moduleBytes

  private let limit: Int
  private var bytes: [UInt8]?
  private var lastChunk: Range<Int> = 0..<0

  /// - Parameter limit: the most bytes of a module, as it is sent.
  package init(limit: Int = maximumModuleBytes) {
    self.limit = limit
  }

  /// Takes a chunk.
  /// - Returns: the module, when this was its last chunk.
  /// - Throws: `Problem` that tells what does not fit.
  package mutating func take(_ args: WasmInitArgs) throws(Problem) -> Module? {
    guard args.chunk.count <= ModuleUpload.maximumChunkBytes else {
      throw Problem(
        413, "chunk_too_large",
        "the chunk has \(args.chunk.count) bytes; send at most "
          + "\(ModuleUpload.maximumChunkBytes) at a time")
    }
    switch args.position {
    case 0: try start(args)
    case 1, 2: try append(args)
    default:
      throw Problem(
        400, "bad_position",
        "the position is \(args.position); it is 0 for the first chunk, 1 between, 2 for the last")
    }
    guard args.position == 2 else { return nil }
    return try finish(args)
  }

  private mutating func start(_ args: WasmInitArgs) throws(Problem) {
    guard (args.offset ?? 0) == 0 else {
      throw Problem(
        409, "chunk_gap", "the first chunk has the offset \(args.offset ?? 0); it must be 0")
    }
    try Module.checkBeginning(args.chunk, isWhole: false)
    bytes = args.chunk
    lastChunk = 0..<args.chunk.count
  }

  private mutating func append(_ args: WasmInitArgs) throws(Problem) {
    if args.position == 2, args.offset == 0 {
      // A whole module in one chunk.
      try Module.checkBeginning(args.chunk, isWhole: false)
      bytes = []
    }
    guard let known = bytes else {
      throw Problem(
        409, "chunk_gap", "no upload is under way; begin with position 0")
    }
    let offset = args.offset ?? UInt64(known.count)
    guard offset <= known.count else {
      throw Problem(
        409, "chunk_gap",
        "the chunk begins at byte \(offset), but only \(known.count) bytes have come; "
          + "send the chunk at offset \(known.count)")
    }
    let repeats =
      args.offset == nil && !args.chunk.isEmpty && known[lastChunk].elementsEqual(args.chunk)
    guard offset == known.count, !repeats else {
      throw Problem(
        409, "chunk_duplicate",
        "this chunk has come already; send the chunk at offset \(known.count), and name offsets")
    }
    guard known.count + args.chunk.count <= limit else {
      bytes = nil
      throw Problem(
        413, "module_too_large",
        "the module is larger than \(limit) bytes; the upload is dropped")
    }
    bytes?.append(contentsOf: args.chunk)
    lastChunk = known.count..<known.count + args.chunk.count
  }

  private mutating func finish(_ args: WasmInitArgs) throws(Problem) -> Module {
    let module = Module(bytes ?? [])
    bytes = nil
    try Module.checkBeginning(module.bytes, isWhole: true)
    if let expected = args.sha256, expected != module.digest {
      throw Problem(
        400, "bad_checksum",
        "the module's SHA-256 is \(SHA256.hexadecimal(module.digest)), not "
          + "\(SHA256.hexadecimal(expected)); the upload is dropped")
    }
    return module
  }
}
