package import Cluster
import HTTPTransport

/// A WebAssembly module on its way in, chunk by chunk, by `init_wasm`.
///
/// Chunks come in order. A repeated or skipped chunk is refused and the upload stands where it was,
/// so that the sender can go on; a module that fails its checks at the end is dropped.
package struct ModuleUpload {
  package static let maximumChunkBytes = 1 << 20
  package static let maximumModuleBytes = 16 << 20

  private var bytes: [UInt8]?
  private var lastChunk: Range<Int> = 0..<0

  package init() {}

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
    guard known.count + args.chunk.count <= ModuleUpload.maximumModuleBytes else {
      bytes = nil
      throw Problem(
        413, "module_too_large",
        "the module is larger than \(ModuleUpload.maximumModuleBytes) bytes; the upload is dropped")
    }
    bytes?.append(contentsOf: args.chunk)
    lastChunk = known.count..<known.count + args.chunk.count
  }

  private mutating func finish(_ args: WasmInitArgs) throws(Problem) -> Module {
    let module = bytes ?? []
    bytes = nil
    try Module.checkBeginning(module, isWhole: true)
    try Module.checkSections(module)
    let digest = SHA256.digest(module)
    if let expected = args.sha256, expected != digest {
      throw Problem(
        400, "bad_checksum",
        "the module's SHA-256 is \(SHA256.hexadecimal(digest)), not "
          + "\(SHA256.hexadecimal(expected)); the upload is dropped")
    }
    return Module(bytes: module, digest: digest)
  }
}

/// A WebAssembly module that passed the checks of its form.
package struct Module {
  package let bytes: [UInt8]
  /// SHA-256.
  package let digest: [UInt8]

  /// `\0asm` and version 1 (WebAssembly core specification, section 5.5.16).
  private static let preamble: [UInt8] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]

  static func checkBeginning(_ bytes: [UInt8], isWhole: Bool) throws(Problem) {
    let known = bytes.prefix(preamble.count)
    guard known.elementsEqual(preamble.prefix(known.count)),
      !isWhole || bytes.count >= preamble.count
    else {
      throw Problem(
        400, "not_wasm", "this is no WebAssembly module: it does not begin with \\0asm, version 1")
    }
  }

  /// Walks the sections: each is an id and a LEB128 size, and they fill the module (section 5.5.2).
  static func checkSections(_ bytes: [UInt8]) throws(Problem) {
    var offset = preamble.count
    while offset < bytes.count {
      let start = offset
      guard bytes[offset] <= 13 else { throw damaged(start) }
      offset += 1
      var size = 0
      var shift = 0
      while true {
        guard offset < bytes.count, shift < 35 else { throw damaged(start) }
        let byte = bytes[offset]
        offset += 1
        size |= Int(byte & 0x7f) << shift
        shift += 7
        if byte & 0x80 == 0 { break }
      }
      guard size <= bytes.count - offset else { throw damaged(start) }
      offset += size
    }
  }

  private static func damaged(_ offset: Int) -> Problem {
    Problem(
      400, "not_wasm", "the WebAssembly module is damaged: no sound section at byte \(offset)")
  }

  // MARK: - Stored form

  /// The chunks of an upload of this module.
  package var chunks: [WasmInitArgs] {
    var chunks: [WasmInitArgs] = []
    var offset = 0
    repeat {
      let end = min(offset + ModuleUpload.maximumChunkBytes, bytes.count)
      let isLast = end == bytes.count
      chunks.append(
        WasmInitArgs(
          position: isLast ? 2 : offset == 0 ? 0 : 1, chunk: Array(bytes[offset..<end]),
          offset: UInt64(offset), sha256: isLast ? digest : nil))
      offset = end
    } while offset < bytes.count
    return chunks
  }

  /// Version 1: the digest and the count of parts, then the parts of at most 1 MiB each.
  package var storedEntries: [(name: String, value: [UInt8]?)] {
    let parts = chunks
    var entries: [(name: String, value: [UInt8]?)] = [
      ("module", [1] + digest + [UInt8(clamping: parts.count)])
    ]
    for (index, part) in parts.enumerated() { entries.append(("module/\(index)", part.chunk)) }
    return entries
  }

  /// The digest of the stored module, if there is one.
  /// - Throws: `ClusterError` when its form is unknown.
  package static func storedDigest(
    _ read: (String) throws(ClusterError) -> [UInt8]?
  ) throws(ClusterError) -> [UInt8]? {
    guard let header = try read("module") else { return nil }
    guard header.count == 2 + SHA256.byteCount, header[0] == 1 else {
      throw ClusterError(.corruption, "the stored module has an unknown format")
    }
    return Array(header[1...SHA256.byteCount])
  }

  /// The stored module, if there is one.
  /// - Throws: `ClusterError` when it is damaged.
  package static func stored(
    _ read: (String) throws(ClusterError) -> [UInt8]?
  ) throws(ClusterError) -> Module? {
    guard let digest = try storedDigest(read), let header = try read("module") else { return nil }
    var bytes: [UInt8] = []
    for index in 0..<Int(header[1 + SHA256.byteCount]) {
      bytes += try read("module/\(index)") ?? []
    }
    guard SHA256.digest(bytes) == digest else {
      throw ClusterError(.corruption, "the stored module does not match its checksum")
    }
    return Module(bytes: bytes, digest: digest)
  }
}
