import Candid
import Cluster
import HTTPTransport
import Logging
import ScaledStorage

/// A module that the coordinator has stored.
struct KnownModule {
  let byteCount: Int
  /// Nil for one of an earlier program that offers nothing that can be called.
  let interface: ModuleInterface?
}

extension Coordinator {
  // MARK: - At the start

  /// Reads what the store has of the modules that the state names.
  /// - Throws: `ClusterError` when the store cannot be read or written.
  func restoreModules() throws(ClusterError) {
    // Programs of before stored the module before the state that names it.
    if let digest = try archive.adoptUnnamed(), digest != machine.state.moduleDigest {
      try machine.installModule(digest)
    }
    try archive.keepOnly(namedModules)
    for digest in namedModules {
      guard let module = try archive.module(digest) else {
        logger.error("module \(SHA256.hexadecimal(digest)) is missing; upload it again")
        continue
      }
      remember(module)
    }
    noteInterfaces()
  }

  private var namedModules: [[UInt8]] {
    [machine.state.moduleDigest, machine.state.previousModuleDigest].compactMap { $0 }
  }

  private func remember(_ module: Module) {
    do throws(Problem) {
      known[module.digest] = KnownModule(
        byteCount: module.bytes.count,
        interface: try ModuleInterface(reading: module))
    } catch {
      logger.warning("the stored module cannot be called: \(error.detail)")
      known[module.digest] = KnownModule(byteCount: module.bytes.count, interface: nil)
    }
  }

  // MARK: - A new one

  /// Checks a module that has been received, and makes it the cluster's: `completion` is called
  /// once, when a crash cannot undo it any more; the nodes get it one by one from then on.
  ///
  /// - Parameter force: installs it also when callers of the present one would break.
  func install(
    _ module: Module, force: Bool, _ completion: @escaping (Result<Void, Problem>) -> Void
  ) {
    if module.digest == machine.state.moduleDigest, known[module.digest] != nil {
      return adopt(module.digest, completion)
    }
    loader.load(module) { [weak self] result in
      guard let self, !isStopped else {
        return completion(.failure(Problem(503, "shutting_down", "the gateway is shutting down")))
      }
      do throws(Problem) {
        let interface = try result.get().interface
        if !force, let present = machine.state.moduleDigest,
          let before = known[present]?.interface
        {
          try interface.checkUpgrade(from: before)
        }
        do throws(ClusterError) {
          try archive.add(module)
        } catch {
          throw Problem(error)
        }
        known[module.digest] = KnownModule(
          byteCount: module.bytes.count, interface: interface)
        adopt(module.digest, completion)
      } catch {
        completion(.failure(error))
      }
    }
  }

  /// Makes the module before the present one the cluster's again.
  func rollBackModule(_ completion: @escaping (Result<Void, Problem>) -> Void) {
    guard let digest = machine.state.previousModuleDigest, known[digest] != nil else {
      return completion(
        .failure(
          Problem(
            409, "no_previous_module", "there is no module before the present one to go back to")))
    }
    adopt(digest, completion)
  }

  private func adopt(
    _ digest: [UInt8], _ completion: @escaping (Result<Void, Problem>) -> Void
  ) {
    do throws(ClusterError) {
      try machine.installModule(digest)
    } catch {
      forgetModules()
      return completion(.failure(Problem(error)))
    }
    noteInterfaces()
    scheduleAdvance()
    onceDurable { [weak self] in
      self?.forgetModules()
      completion(.success(()))
    }
  }

  /// Removes the modules that nobody needs any more.
  private func forgetModules() {
    // Else a crash would leave a state whose modules are gone; the next one calls this too.
    guard machine.durableSequence == machine.lastSequence else { return }
    let named = namedModules
    for digest in known.keys where !named.contains(digest) { known[digest] = nil }
    do throws(ClusterError) {
      try archive.keepOnly(named)
    } catch {
      logger.warning("modules that are not needed any more stay: \(error.message)")
    }
  }

  // MARK: - What it knows

  func description(_ digest: [UInt8]) -> ModuleInfo.Description? {
    known[digest].map { ModuleInfo.Description(digest: digest, bytes: $0.byteCount, $0.interface) }
  }

  /// A method of the cluster's module; while it comes to the nodes, also of the one before.
  func moduleMethod(named name: String) -> ModuleInterface.Method? {
    if let method = interface?.method(named: name) { return method }
    return machine.state.isModuleRolling ? previousInterface?.method(named: name) : nil
  }

  private func noteInterfaces() {
    interface = machine.state.moduleDigest.flatMap { known[$0]?.interface }
    previousInterface = machine.state.previousModuleDigest.flatMap { known[$0]?.interface }
  }

  // MARK: - To a node

  /// Sends a node a module chunk by chunk.
  func upload(
    _ digest: [UInt8], revision: UInt64, to node: Principal, at address: String,
    _ completion: @escaping PeerClient.Completion
  ) {
    do throws(ClusterError) {
      guard let module = try archive.module(digest) else {
        throw ClusterError(.corruption, "the cluster's module is not in the coordinator's log")
      }
      var chunks = module.chunks
      for index in chunks.indices {
        chunks[index].distribute = false
        chunks[index].revision = revision
      }
      upload(chunks[...], to: node, at: address, completion)
    } catch {
      loop.schedule(after: .zero) { completion(.failure(error)) }
    }
  }

  private func upload(
    _ chunks: ArraySlice<WasmInitArgs>, to node: Principal, at address: String,
    _ completion: @escaping PeerClient.Completion
  ) {
    guard let chunk = chunks.first else { return completion(.success(())) }
    peers.upload(chunk, to: node, at: address) { [weak self] result in
      guard case .success = result, let self else { return completion(result) }
      upload(chunks.dropFirst(), to: node, at: address, completion)
    }
  }
}
