package import Cluster
import Etcd
import HTTPTransport
package import ScaledStorage

/// Modules in etcd: a header for each, that counts its parts once all are there, and the parts.
extension EtcdLog {
  package func add(
    _ module: Module, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    put(EtcdLog.entries(of: module, keys)[...], completion)
  }

  static func entries(
    of module: Module, _ keys: EtcdKeys
  ) -> [(key: [UInt8], value: [UInt8])] {
    let parts = module.chunks.map(\.chunk)
    let name = SHA256.hexadecimal(module.digest)
    // The header is there from the beginning, so that what is left of an upload that was cut off is
    // found, and counts the parts when all are there.
    return [(key: keys.module(name), value: unfinished)]
      + parts.indices.map { (key: keys.modulePart(name, $0), value: parts[$0]) }
      + [(key: keys.module(name), value: Array(String(parts.count).utf8))]
  }

  /// The header of a module whose parts are on their way.
  static let unfinished = Array("0".utf8)

  /// The parts that a module's header counts; nil for a format of another program.
  static func partCount(_ header: [UInt8]) -> Int? {
    Int(String(decoding: header, as: UTF8.self)).flatMap { (1...1_024).contains($0) ? $0 : nil }
  }

  /// One after the other, as long as this gateway leads.
  private func put(
    _ writes: ArraySlice<(key: [UInt8], value: [UInt8])>,
    _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    guard let next = writes.first else { return completion(.success(())) }
    commitLeading([.put(next.key, next.value)]) { [weak self] result in
      guard case .success = result else { return completion(result) }
      self?.put(writes.dropFirst(), completion)
    }
  }

  package func module(
    _ digest: [UInt8], _ completion: @escaping (Result<Module?, ClusterError>) -> Void
  ) {
    let name = SHA256.hexadecimal(digest)
    read(keys.module(name)) { [weak self] result in
      do throws(ClusterError) {
        guard let header = try result.get().first, header.value != EtcdLog.unfinished else {
          return completion(.success(nil))
        }
        guard let count = EtcdLog.partCount(header.value)
        else { throw ClusterError(.corruption, "its header in etcd has an unknown format") }
        self?.gather(name, digest, from: 0, of: count, [], completion)
      } catch {
        completion(.failure(error))
      }
    }
  }

  private func gather(
    _ name: String, _ digest: [UInt8], from part: Int, of count: Int, _ bytes: [UInt8],
    _ completion: @escaping (Result<Module?, ClusterError>) -> Void
  ) {
    guard part < count else {
      let module = Module(bytes)
      guard module.digest == digest else {
        return completion(
          .failure(ClusterError(.corruption, "what etcd has does not match its checksum")))
      }
      return completion(.success(module))
    }
    read(keys.modulePart(name, part)) { [weak self] result in
      switch result {
      case .success(let more):
        self?.gather(
          name, digest, from: part + 1, of: count, bytes + (more.first?.value ?? []),
          completion)
      case .failure(let error): completion(.failure(error))
      }
    }
  }

  package func keepOnlyModules(_ digests: @escaping () -> [[UInt8]]) {
    read(keys.modules, isPrefix: true) { [weak self] result in
      guard let self, case .success(let entries) = result else { return }
      let kept = Set(digests().map { self.keys.module(SHA256.hexadecimal($0)) })
      for entry in entries where !kept.contains(entry.key) {
        let name = String(decoding: entry.key.dropFirst(keys.modules.count), as: UTF8.self)
        // The header goes first: a module without it is none.
        commitLeading([
          .delete(entry.key, isPrefix: false), .delete(keys.moduleParts(name), isPrefix: true),
        ]) { _ in }
      }
    }
  }
}
