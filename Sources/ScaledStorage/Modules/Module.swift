package import Cluster
import HTTPTransport
import WasmRuntime
package import WireProtocol

/// A WebAssembly module as it was sent and as it is stored: plain, or compressed by gzip.
package struct Module: Sendable {
  package let bytes: [UInt8]
  /// SHA-256 of the bytes: what nodes know the module by.
  package let digest: [UInt8]

  package init(_ bytes: [UInt8]) {
    self.init(bytes: bytes, digest: SHA256.digest(bytes))
  }

  private init(bytes: [UInt8], digest: [UInt8]) {
    self.bytes = bytes
    self.digest = digest
  }

  /// The first bytes of a gzip file (RFC 1952 section 2.3.1).
  private static let gzip: [UInt8] = [0x1f, 0x8b, 0x08]

  package var isCompressed: Bool { bytes.starts(with: Module.gzip) }

  /// Refuses early what can be no module, also by its first bytes alone.
  static func checkBeginning(_ bytes: [UInt8], isWhole: Bool) throws(Problem) {
    for beginning in [ModuleImage.preamble, gzip] {
      let known = bytes.prefix(beginning.count)
      if known.elementsEqual(beginning.prefix(known.count)),
        !isWhole || bytes.count >= beginning.count
      {
        return
      }
    }
    throw Problem(
      400, "not_wasm",
      "this is no WebAssembly module: it begins neither with \\0asm, version 1, nor as gzip does")
  }

  /// The module itself.
  /// - Throws: `Problem` 413 for one that is larger than the limit, 400 for damaged gzip.
  package func expanded(limit: Int) throws(Problem) -> [UInt8] {
    guard isCompressed else { return bytes }
    do throws(TransportError) {
      return try Deflate.expanded(bytes, limit: limit, format: .gzip)
    } catch {
      throw error.code == .tooLarge
        ? Problem(413, "module_too_large", "the module expands to more than \(limit) bytes")
        : Problem(400, "not_wasm", "the compressed module is damaged: \(error.message)")
    }
  }

  /// The module with its interface, or the wish to stub imports, as custom sections of its own;
  /// compressed again, if it was.
  /// - Throws: as ``expanded(limit:)``.
  package func embedding(
    candid: String?, stubsImports: Bool, limit: Int
  ) throws(Problem) -> Module {
    guard candid != nil || stubsImports else { return self }
    var bytes = try expanded(limit: limit)
    try Module.checkBeginning(bytes, isWhole: true)
    if let candid {
      bytes = ModuleImage.appending(
        section: ModuleImage.candidSection, Array(candid.utf8), to: bytes)
    }
    if stubsImports {
      bytes = ModuleImage.appending(section: ModuleImage.stubsSection, [], to: bytes)
    }
    return Module(isCompressed ? Deflate.compressed(bytes, format: .gzip) ?? bytes : bytes)
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
