import Cluster
import HTTPTransport
import ScaledStorage
import WireProtocol

extension GatewayServer {
  /// `init_wasm`: takes a module for the whole cluster, chunk by chunk.
  func initWasm(_ exchange: Exchange) throws(Problem) -> Disposition {
    let call = try ControlCall(ControlMethod.initWasm.rawValue, exchange, credential: credential)
    let args: WasmInitArgs = try call.argument()
    let pending = try later(exchange)
    let complete = { (result: Result<Void, Problem>) in
      pending.answer(call.answer(result.map { true }))
    }
    guard let received = try upload.take(args) else {
      complete(.success(()))
      return pending.disposition()
    }
    let module = try received.embedding(
      candid: args.candid, stubsImports: args.stubImports ?? false, for: coordinator.loader)
    coordinator.install(module, force: args.force ?? false, complete)
    return pending.disposition()
  }

  /// `module_info`: which modules there are, and which node has which.
  func moduleInfo(_ exchange: Exchange) throws(Problem) -> Disposition {
    try QueryAnswer.make(ModuleInfo(coordinator), to: exchange).write(to: exchange)
    return .done
  }

  /// `module_rollback`: goes back to the module before the present one.
  func rollBackModule(_ exchange: Exchange) throws(Problem) -> Disposition {
    let call = try ControlCall("module_rollback", exchange, credential: credential)
    try call.noArguments()
    let pending = try later(exchange)
    coordinator.rollBackModule { [coordinator] result in
      pending.answer(call.answer(result.map { ModuleInfo(coordinator) }))
    }
    return pending.disposition()
  }
}
