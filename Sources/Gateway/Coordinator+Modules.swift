import Candid
import Cluster
import HTTPTransport
import Logging
import ScaledStorage
import WireProtocol

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
    let unnamed = log.isLeading ? try archive.adoptUnnamed() : nil
    if let unnamed, !namedModules.contains(unnamed) { try machine.installModule(unnamed) }
    if unnamed == nil {
      try archive.keepOnly(namedModules)
    } else {
      // Nothing goes before the state that names what it became is durable.
      onceDurable { [weak self] durability in
        if durability == .durable { self?.forgetUnnamedModule() }
      }
    }
    for digest in namedModules {
      if let module = try archive.module(digest) { remember(module) }
    }
    noteInterfaces()
  }

  /// Fetches from the log what this gateway lacks of the modules that the state names.
  func fetchModules() {
    for digest in namedModules where known[digest] == nil && fetches.insert(digest).inserted {
      fetch(digest)
    }
    noteInterfaces()
  }

  private func fetch(_ digest: [UInt8]) {
    let name = SHA256.hexadecimal(digest)
    log.module(digest) { [weak self] result in
      guard let self else { return }
      fetches.remove(digest)
      guard !isStopped, namedModules.contains(digest) else { return }
      do throws(ClusterError) {
        guard let module = try result.get() else {
          return logger.error("module \(name) is missing; upload it again")
        }
        try archive.add(module)
        remember(module)
        noteInterfaces()
        scheduleAdvance()
      } catch {
        logger.warning("module \(name) is not here yet: \(error.message)")
        loop.schedule(after: .seconds(1)) { [weak self] in
          guard let self, !isStopped else { return }
          fetchModules()
        }
      }
    }
  }

  private var namedModules: [[UInt8]] { machine.state.moduleDigests }

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
    if module.digest == machine.state.moduleDigest, known[module.digest] != nil,
      (try? archive.module(module.digest)) != nil
    {
      return adopt(module.digest, completion)
    }
    // What ends meanwhile must not take it for one that nobody needs.
    arriving[module.digest, default: 0] += 1
    let completion = { [weak self] (result: Result<Void, Problem>) in
      self?.arrived(module.digest)
      completion(result)
    }
    loader.load(module) { [weak self] result in
      guard let self, !isStopped else {
        return completion(.failure(Problem(503, "shutting_down", "the gateway is shutting down")))
      }
      do throws(Problem) {
        let interface = try result.get().interface
        if !force { for before in interfacesInUse { try interface.checkUpgrade(from: before) } }
        do throws(ClusterError) {
          try archive.add(module)
        } catch {
          throw Problem(error)
        }
        share(module, interface, completion)
      } catch {
        completion(.failure(error))
      }
    }
  }

  private func arrived(_ digest: [UInt8]) {
    guard let count = arriving[digest] else { return }
    arriving[digest] = count > 1 ? count - 1 : nil
  }

  /// Makes a module that is stored here one that every gateway finds, then the cluster's.
  private func share(
    _ module: Module, _ interface: ModuleInterface?,
    _ completion: @escaping (Result<Void, Problem>) -> Void
  ) {
    log.add(module) { [weak self] result in
      guard let self, !isStopped, isLeading else { return completion(.failure(.noLeader)) }
      do throws(ClusterError) {
        try result.get()
      } catch {
        return completion(.failure(Problem(error)))
      }
      known[module.digest] = KnownModule(byteCount: module.bytes.count, interface: interface)
      adopt(module.digest, completion)
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
    onceDurable { [weak self] durability in
      guard durability == .durable else { return completion(.failure(.noLeader)) }
      self?.forgetModules()
      completion(.success(()))
    }
  }

  /// Removes the modules that nobody needs any more.
  private func forgetModules() {
    // Else a crash would leave a state whose modules are gone; the next one calls this too.
    guard machine.durableSequence == machine.lastSequence else { return }
    let named = namedModules + arriving.keys
    let inUse = named + (machine.state.map.modules ?? [])
    for digest in known.keys where !inUse.contains(digest) { known[digest] = nil }
    log.keepOnlyModules { [weak self] in
      guard let self else { return named }
      return named + namedModules + arriving.keys
    }
    do throws(ClusterError) {
      try archive.keepOnly(named)
    } catch {
      logger.warning("modules that are not needed any more stay: \(error.message)")
    }
  }

  private func forgetUnnamedModule() {
    do throws(ClusterError) {
      try archive.removeUnnamed()
    } catch {
      logger.warning("the module of an earlier program stays in the store: \(error.message)")
    }
    forgetModules()
  }

  // MARK: - What it knows

  func description(_ digest: [UInt8]) -> ModuleInfo.Description? {
    known[digest].map { ModuleInfo.Description(digest: digest, bytes: $0.byteCount, $0.interface) }
  }

  /// A method of the cluster's module; while it comes to the nodes, also of those before, and a
  /// query only if it is one in all of them: a query may be sent twice, to nodes with any.
  func moduleMethod(named name: String) -> ModuleInterface.Method? {
    var found = interface?.method(named: name)
    guard machine.state.isModuleRolling else { return found }
    for interface in earlierInterfaces {
      guard let method = interface.method(named: name) else { continue }
      guard let known = found else {
        found = method
        continue
      }
      if known.isQuery, !method.isQuery { found = known.asUpdate }
    }
    return found
  }

  /// Those that callers may use now.
  private var interfacesInUse: [ModuleInterface] {
    [interface].compactMap { $0 } + (machine.state.isModuleRolling ? earlierInterfaces : [])
  }

  private func noteInterfaces() {
    let wanted = machine.state.moduleDigest
    interface = wanted.flatMap { known[$0]?.interface }
    // The one before comes first.
    var earlier = [machine.state.previousModuleDigest].compactMap { $0 }
    earlier += (machine.state.map.modules ?? []).filter { !earlier.contains($0) }
    earlierInterfaces = earlier.filter { $0 != wanted }.compactMap { known[$0]?.interface }
  }

  // MARK: - To a node

  /// Sends a node a module chunk by chunk.
  func upload(
    _ digest: [UInt8], revision: UInt64, to node: Principal, at address: String,
    _ completion: @escaping PeerClient.Completion
  ) {
    do throws(ClusterError) {
      let module = try storedModule(digest)
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

  private func storedModule(_ digest: [UInt8]) throws(ClusterError) -> Module {
    if let rollingModule, rollingModule.digest == digest { return rollingModule }
    guard let module = try archive.module(digest) else {
      throw ClusterError(.corruption, "the cluster's module is not in the coordinator's log")
    }
    if machine.state.isModuleRolling, digest == machine.state.moduleDigest {
      rollingModule = module
    }
    return module
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
