import Cluster
import HTTPTransport
import ScaledStorage
import WireProtocol

extension GatewayServer {
  /// `init_wasm`: takes a module for the whole cluster, chunk by chunk.
  func initWasm(_ exchange: Exchange) throws(Problem) -> Disposition {
    let call = try ControlCall(ControlMethod.initWasm.rawValue, exchange, access, as: .admin)
    let args: WasmInitArgs = try call.argument()
    let pending = try later(exchange)
    let complete = { (result: Result<Void, Problem>) in
      pending.answer(call.answer(result.map { true }))
    }
    let module: Module
    do throws(Problem) {
      guard let received = try upload.take(args) else {
        complete(.success(()))
        return pending.disposition()
      }
      module = try received.embedding(
        candid: args.candid, stubsImports: args.stubImports ?? false, for: coordinator.loader)
    } catch {
      call.note(chunk: args, .failure(error))
      throw error
    }
    let isForced = args.force ?? false
    coordinator.install(module, force: isForced) { result in
      call.note(
        "module \(SHA256.hexadecimal(module.digest)), \(module.bytes.count) bytes"
          + (isForced ? ", by force" : ""), result)
      complete(result)
    }
    return pending.disposition()
  }

  /// `module_info`: which modules there are, and which node has which.
  func moduleInfo(_ exchange: Exchange) throws(Problem) -> Disposition {
    try QueryAnswer.make(ModuleInfo(coordinator), to: exchange).write(to: exchange)
    return .done
  }

  /// `module_rollback`: goes back to the module before the present one.
  func rollBackModule(_ exchange: Exchange) throws(Problem) -> Disposition {
    let call = try ControlCall("module_rollback", exchange, access, as: .admin)
    try call.noArguments()
    let pending = try later(exchange)
    coordinator.rollBackModule { [coordinator] result in
      let digest = coordinator.machine.state.moduleDigest.map(SHA256.hexadecimal)
      call.note("to module \(digest ?? "none")", result)
      pending.answer(call.answer(result.map { ModuleInfo(coordinator) }))
    }
    return pending.disposition()
  }
}
