import Candid
import Cluster

/// What a simulated node does with modules: it keeps the digest, as others keep the code.
extension SimulatedNode {
  /// A module as it is stored here.
  struct StoredModule: Hashable {
    var digest: [UInt8]
    /// That of the map under which it was sent.
    var revision: UInt64

    static let name = "module"

    init(digest: [UInt8], revision: UInt64) {
      self.digest = digest
      self.revision = revision
    }

    init?(stored bytes: [UInt8]?) {
      guard let bytes, bytes.count > 8 else { return nil }
      self.init(digest: Array(bytes[8...]), revision: bytes.bigEndian(at: 0))
    }

    var stored: [UInt8] {
      var bytes: [UInt8] = []
      bytes.appendBigEndian(revision)
      return bytes + digest
    }
  }

  /// Takes a module, after the time that it takes to compile it.
  func take(_ module: StoredModule, _ completion: @escaping Acknowledge) {
    if simulator.strikes(.moduleRefused) {
      return completion(.failure(ClusterError(.conflict, "the module does not load here")))
    }
    process.after(100 + simulator.below(30_000, .modules)) { [weak self] in
      self?.install(module, completion)
    }
  }

  /// The module as the node reports it.
  var reportedModule: [UInt8]? {
    modulesOnTheWay > 0 || isModuleUncertain ? nil : module?.digest
  }

  private func install(_ module: StoredModule, _ completion: @escaping Acknowledge) {
    let known = max(latestModuleRevision, machine.map?.revision ?? 0)
    guard module.revision >= known || site.mutation == .takeLateModules else {
      return completion(.failure(ClusterError(.staleEpoch, "the module is late")))
    }
    latestModuleRevision = max(latestModuleRevision, module.revision)
    modulesOnTheWay += 1
    store(module) { [weak self] result in
      guard let self else { return }
      modulesOnTheWay -= 1
      // A commit that failed may be there after a restart, until the next one succeeds.
      isModuleUncertain = (try? result.get()) == nil
      if case .success = result {
        self.module = module
        simulator.note("\(id.text) has module \(module.digest)")
        site.observer?.checkModules()
      }
      completion(result)
    }
  }
}
