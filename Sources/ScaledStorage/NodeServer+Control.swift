import Candid
import Cluster
import HTTPTransport

extension NodeServer {
  /// `node_info`: 200 when the node serves, else 503, with the same body.
  func nodeInfo(_ exchange: Exchange) throws(Problem) -> Disposition {
    let info = manager.nodeInfo
    let answer = try QueryAnswer.make(
      [info.candidValue], as: NodeServer.nodeInfoSignature, to: exchange,
      status: info.status.isServing ? 200 : 503)
    answer.write(to: exchange)
    return .done
  }

  private static let nodeInfoSignature = CandidSignature.checked([NodeInfo.candidType])
  private static let noResults = CandidSignature.checked([])
  private static let boolResult = CandidSignature.checked([.bool])

  /// A method of the cluster: only who knows the credential may call it.
  func control(_ method: ControlMethod, _ exchange: Exchange) throws(Problem) -> Disposition {
    try Authorization.require(manager.credential, exchange, for: method.rawValue)
    guard exchange.method == .post else {
      throw Problem(
        405, "method_not_allowed", "call \(method.rawValue) by POST, with its arguments in the body")
    }
    let given = try Representation.ofRequest(contentType: exchange.header("content-type"))
    let answer = try Representation.ofAnswer(accept: exchange.header("accept"), fallback: given)
    let arguments = try given.arguments(exchange.body, as: method.parameters)
    guard let argument = arguments.first else {
      throw Problem(400, "bad_arguments", "\(method.rawValue) takes one argument")
    }
    let pending = try later(exchange)
    let complete = { (result: Result<Void, Problem>) in
      pending.answer(NodeServer.controlAnswer(result, method, as: answer))
    }
    do throws(CandidError) {
      switch method {
      case .handleEvent:
        manager.handle(try CanisterManagerEvent(candidValue: argument)) {
          complete($0.mapError(Problem.init))
        }
      case .initCanisterManager:
        manager.initialise(try InitCanisterManagerParam(candidValue: argument)) {
          complete($0.mapError(Problem.init))
        }
      case .initWasm:
        manager.initWasm(try WasmInitArgs(candidValue: argument), complete)
      }
    } catch {
      throw Problem(400, "bad_arguments", "the arguments cannot be read: \(error.description)")
    }
    return pending.disposition()
  }

  private static func controlAnswer(
    _ result: Result<Void, Problem>, _ method: ControlMethod, as representation: Representation
  ) -> Answer {
    do throws(Problem) {
      try result.get()
      let (values, signature): ([CandidValue], CandidSignature) =
        method == .initWasm ? ([.bool(true)], boolResult) : ([], noResults)
      return Answer(
        status: 200, representation, body: try representation.body(values, as: signature))
    } catch {
      return Answer(error, as: representation)
    }
  }
}
