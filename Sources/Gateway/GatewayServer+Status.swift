import HTTPTransport
import ScaledStorage
import WireProtocol

extension GatewayServer {
  /// How the cluster is and who leads it, in a line for who looks at the service.
  package var summary: String { board.summary }

  /// `status`: all that the status page shows, as JSON.
  func status(_ exchange: Exchange) throws(Problem) -> Disposition {
    try GatewayServer.checkIsRead(exchange)
    exchange.setHeader("cache-control", static: "no-store")
    Answer(status: 200, .json, body: board.snapshot() + [0x0A]).write(to: exchange)
    return .done
  }

  /// `status/events`: the same, and from then on each second what has changed.
  func statusEvents(_ exchange: Exchange) throws(Problem) -> Disposition {
    try GatewayServer.checkIsRead(exchange)
    try board.admit(exchange)
    exchange.setHeader("content-type", static: "text/event-stream")
    exchange.setHeader("cache-control", static: "no-store")
    // Proxies that gather answers would hold the events back.
    exchange.setHeader("x-accel-buffering", static: "no")
    return .done
  }

  /// `locate/KEY`: where a key lives, and why.
  func locate(_ exchange: Exchange) throws(Problem) -> Disposition {
    try GatewayServer.checkIsRead(exchange)
    let target = try KeyTarget(
      path: exchange.path.dropFirst(GatewayServer.locatePath.utf8.count), query: [])
    exchange.setHeader("cache-control", static: "no-store")
    Answer(status: 200, .json, body: try KeyLocation(of: target.key, coordinator).json)
      .write(to: exchange)
    return .done
  }

  static let locatePath = "/locate/"

  private static func checkIsRead(_ exchange: Exchange) throws(Problem) {
    guard exchange.method == .get || exchange.method == .head else {
      throw .methodNotAllowed(allow: "GET, HEAD", "ask by GET")
    }
  }
}
