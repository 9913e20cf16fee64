import Cluster
import HTTPTransport
import ScaledStorage
import Storage

/// The cluster's modules in the coordinator's store, by their digests: the present one, and the one
/// to go back to.
struct ModuleArchive {
  private let store: any StorageEngine

  private static let prefix = "module/"
  private static let format: UInt8 = 2

  init(_ store: any StorageEngine) {
    self.store = store
  }

  /// The module with this digest, if it is here.
  /// - Throws: `ClusterError` when it cannot be read or is damaged.
  func module(_ digest: [UInt8]) throws(ClusterError) -> Module? {
    let name = ModuleArchive.name(digest)
    guard let header = try read(name) else { return nil }
    guard header.count == 2, header[0] == ModuleArchive.format else {
      throw ClusterError(.corruption, "the stored module has an unknown format")
    }
    var bytes: [UInt8] = []
    for part in 0..<Int(header[1]) { bytes += try read("\(name)/\(part)") ?? [] }
    let module = Module(bytes)
    guard module.digest == digest else {
      throw ClusterError(.corruption, "the stored module does not match its checksum")
    }
    return module
  }

  /// Makes a module durable. On the loop: rare, and short beside the health of a cluster.
  /// - Throws: `ClusterError` when the store does not take it.
  func add(_ module: Module) throws(ClusterError) {
    var batch = WriteBatch()
    ModuleArchive.put(module, in: &batch)
    try commit(batch)
  }

  /// Removes all modules but those with these digests; not what ``adoptUnnamed()`` has found.
  /// - Throws: `ClusterError` when the store cannot be read or written.
  func keepOnly(_ digests: [[UInt8]]) throws(ClusterError) {
    let kept = Set(digests.map(ModuleArchive.name))
    var batch = WriteBatch()
    for key in try keys {
      let name = String(decoding: key.prefix(ModuleArchive.nameBytes), as: UTF8.self)
      let isNamed = key.count >= ModuleArchive.nameBytes
      if isNamed, !kept.contains(name) { batch.delete(key) }
    }
    try commit(batch)
  }

  /// The digest of a module that a program of before has stored, which is stored by it as well from
  /// now on. Its form of before stays until ``removeUnnamed()``.
  /// - Throws: `ClusterError` when the store cannot be read or written.
  func adoptUnnamed() throws(ClusterError) -> [UInt8]? {
    let stored = try Module.stored { (name) throws(ClusterError) in try read(name) }
    guard let module = stored else { return nil }
    var batch = WriteBatch()
    ModuleArchive.put(module, in: &batch)
    try commit(batch)
    return module.digest
  }

  /// Removes what ``adoptUnnamed()`` has found. Only once the state that names its digest is
  /// durable: nothing else tells of that module.
  /// - Throws: `ClusterError` when the store cannot be read or written.
  func removeUnnamed() throws(ClusterError) {
    let stored = try Module.stored { (name) throws(ClusterError) in try read(name) }
    guard let module = stored else { return }
    var batch = WriteBatch()
    for entry in module.storedEntries { batch.delete(Array(entry.name.utf8)) }
    try commit(batch)
  }

  // MARK: - The store

  private static let nameBytes = prefix.utf8.count + 2 * SHA256.byteCount

  private static func name(_ digest: [UInt8]) -> String { prefix + SHA256.hexadecimal(digest) }

  private static func put(_ module: Module, in batch: inout WriteBatch) {
    let name = name(module.digest)
    let parts = module.chunks
    batch.put(Array(name.utf8), [format, UInt8(clamping: parts.count)])
    for (index, part) in parts.enumerated() {
      batch.put(Array("\(name)/\(index)".utf8), part.chunk)
    }
  }

  private var keys: [[UInt8]] {
    get throws(ClusterError) {
      var keys: [[UInt8]] = []
      var from = Array(ModuleArchive.prefix.utf8)
      // The character after the slash.
      let end = Array("module0".utf8)
      do throws(StorageError) {
        while true {
          let page = try store.scan(from: from, upTo: end, limit: ScanLimit())
          keys += page.entries.map(\.key)
          guard let next = page.next else { return keys }
          from = next
        }
      } catch {
        throw ClusterError(.storage, "the modules could not be read: \(error.message)")
      }
    }
  }

  private func read(_ name: String) throws(ClusterError) -> [UInt8]? {
    do throws(StorageError) {
      return try store.get(Array(name.utf8))
    } catch {
      throw ClusterError(.storage, "the module could not be read: \(error.message)")
    }
  }

  private func commit(_ batch: WriteBatch) throws(ClusterError) {
    guard !batch.isEmpty else { return }
    do throws(StorageError) {
      try store.commit(batch)
    } catch {
      throw ClusterError(.storage, "the module could not be stored: \(error.message)")
    }
  }
}
