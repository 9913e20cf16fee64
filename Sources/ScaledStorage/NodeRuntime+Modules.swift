import Candid
package import Cluster
import HTTPTransport
package import WireProtocol

/// How modules come to a node.
extension NodeRuntime {
  /// `init_wasm`: a chunk of the module. After the last one the module is compiled, made durable
  /// and put to work, in this order. What is for a whole cluster goes to its gateway.
  package func initWasm(
    _ args: WasmInitArgs, _ completion: @escaping (Result<Void, Problem>) -> Void
  ) {
    if let gateway = ModuleRelay.gateway(for: args, map: node.map) {
      return ModuleRelay(peers: node.peers).pass(args, to: gateway, completion)
    }
    do throws(Problem) {
      guard let received = try upload.take(args) else { return completion(.success(())) }
      try refuseLate(args)
      let module = try received.embedding(
        candid: args.candid, stubsImports: args.stubImports ?? false, for: loader)
      guard module.digest != modules.digest || isStoredModuleUncertain else {
        return completion(.success(()))
      }
      loader.load(module) { [me] result in
        guard let runtime = me.target else { return }
        do throws(Problem) {
          let loaded = try result.get()
          try runtime.checkUpgrade(to: loaded, args)
          // Others may have come while it was compiled.
          try runtime.refuseLate(args)
          runtime.install(loaded, revision: args.revision, completion)
        } catch {
          completion(.failure(error))
        }
      }
    } catch {
      completion(.failure(error))
    }
  }

  /// The coordinator has compared the interfaces of what it sends.
  private func checkUpgrade(
    to loaded: LoadedModule, _ args: WasmInitArgs
  ) throws(Problem) {
    guard args.distribute != false, args.force != true, let before = modules.interface else {
      return
    }
    try loaded.interface.checkUpgrade(from: before)
  }

  /// The coordinator may have given up a module that is still on its way: who has a later one, or
  /// knows of it, takes none of before.
  private func refuseLate(_ args: WasmInitArgs) throws(Problem) {
    guard let revision = args.revision else { return }
    let known = max(moduleRevision, node.map?.revision ?? 0)
    guard revision >= known else {
      throw Problem(
        ClusterError(
          .staleEpoch, "the module was sent at revision \(revision), and it is \(known) by now"))
    }
  }

  private func install(
    _ loaded: LoadedModule, revision: UInt64?,
    _ completion: @escaping (Result<Void, Problem>) -> Void
  ) {
    let prepared: ModuleHost.Prepared
    do throws(Problem) {
      // What does not start here must not take the stored one's place.
      prepared = try modules.prepare(loaded)
    } catch {
      return completion(.failure(error))
    }
    var entries = loaded.module.storedEntries
    if let revision {
      moduleRevision = max(moduleRevision, revision)
      var bytes: [UInt8] = []
      bytes.appendBigEndian(revision)
      entries.append((NodeRuntime.revisionName, bytes))
    }
    // Until it is durable, and after a failure that may be durable all the same.
    isStoredModuleUncertain = true
    installs += 1
    let install = installs
    node.store(entries) { [me] result in
      guard case .failure(let error) = result else {
        me.target?.installed(prepared, isLast: install == me.target?.installs)
        return completion(.success(()))
      }
      completion(.failure(Problem(error)))
    }
  }

  /// - Parameter isLast: no other module has been given to the store meanwhile.
  private func installed(_ prepared: ModuleHost.Prepared, isLast: Bool) {
    modules.adopt(prepared)
    if isLast { isStoredModuleUncertain = false }
    loadProblem = nil
    missingInterface = nil
  }

  private static let revisionName = "module/revision"

  func readModuleRevision() throws(ClusterError) {
    guard let bytes = try node.stored(NodeRuntime.revisionName), bytes.count == 8 else {
      return
    }
    moduleRevision = bytes.bigEndian(at: 0)
  }

  /// The module as it is reported; nil while it is not known which one a restart would find.
  var reportedModule: [UInt8]? { isStoredModuleUncertain ? nil : modules.digest }

  /// Why calls of the module are refused now; nil when they are not.
  var moduleRefusal: Problem? {
    guard let digest = modules.digest, !node.machine.acceptsModule(digest) else { return nil }
    return Problem(
      503, "module_mismatch",
      "this node does not have the cluster's module yet; it gets it in a moment")
  }

  /// Why a method may be unknown here that others know; nil when no module is missing.
  var missingModule: Problem? {
    if let loadProblem { return loadProblem }
    guard let accepted = node.map?.modules, accepted.contains(where: { $0 != modules.digest })
    else { return nil }
    return Problem(
      503, "module_mismatch",
      "the cluster's module is being replaced, and this node has no such method; try again soon")
  }
}
