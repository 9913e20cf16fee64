import Candid
import Cluster
import HTTPTransport
import Placement
import WireProtocol

extension NodeServer {
  /// `node_info`: 200 when the node serves, else 503, with the same body.
  func nodeInfo(_ exchange: Exchange) throws(Problem) -> Disposition {
    let info = runtime.nodeInfo
    try QueryAnswer.make(info, to: exchange, status: info.status.isServing ? 200 : 503)
      .write(to: exchange)
    return .done
  }

  /// A method of the cluster: only who knows the credential may call it.
  func control(_ method: ControlMethod, _ exchange: Exchange) throws(Problem) -> Disposition {
    let call = try ControlCall(
      method.rawValue, exchange, access, as: .cluster, expandedBytes: maxBodyBytes)
    if let addressee = exchange.header("ss-node"), let id = runtime.node.id, addressee != id.text {
      // Another node had this address before.
      throw Problem(
        409, "wrong_node", "this is \(id.text), and the message is for \(addressee.prefix(80))")
    }
    let pending = try later(exchange)
    switch method {
    case .handleEvent:
      runtime.handle(try call.argument()) { result in
        pending.answer(call.answer(result.mapError(Problem.init)))
      }
    case .initCanisterManager:
      let param: InitCanisterManagerParam = try call.argument()
      runtime.initialise(param) { result in
        let result = result.mapError(Problem.init)
        call.note(param.args == nil ? "founds a cluster" : "joins a cluster", result)
        pending.answer(call.answer(result))
      }
    case .retireNode:
      let map: ClusterMap = try call.argument()
      let node = runtime.node.id?.text ?? "no node"
      runtime.retire(map) { result in
        let result = result.mapError(Problem.init)
        call.note("\(node) leaves at epoch \(map.ring.epoch)", result)
        pending.answer(call.answer(result))
      }
    case .restartNode:
      let order: RestartOrder = try call.argument()
      let node = runtime.node.id?.text ?? "a node without a cluster"
      runtime.restart(order) { result in
        let result = result.mapError(Problem.init)
        call.note("\(node) starts again", result)
        pending.answer(call.answer(result))
      }
    case .initWasm:
      let args: WasmInitArgs = try call.argument()
      runtime.initWasm(args) { result in
        call.note(chunk: args, result)
        pending.answer(call.answer(result.map { true }))
      }
    case .backupBegin: try beginBackup(call, pending)
    case .backupRead: try readBackup(call, pending)
    case .backupEnd: try endBackup(call, pending)
    case .backupSum: try sumRecords(call, pending)
    case .restoreRecords: try restoreRecords(call, pending)
    }
    return pending.disposition()
  }
}
