import Foundation
import HTTPTransport

/// Asks over HTTP, one request after the other, following forward responses as `curl -L` does.
final class HTTPUser {
  let loop: EventLoop
  private let client: HTTPClient
  private let gateway: SocketAddress

  init(_ gateway: SocketAddress, tls: TLSFiles? = nil) throws {
    loop = try EventLoop()
    client = HTTPClient(loop: loop, tls: try tls.map { try TLSContext($0) })
    self.gateway = gateway
  }

  deinit {
    client.shutdown()
    // A last turn: what waits for its end holds the loop, and that its descriptors.
    loop.schedule(after: .zero) { [unowned loop] in loop.stop() }
    loop.run()
  }

  func send(
    _ method: HTTPMethod, _ target: String, body: String = "",
    headers: [(name: String, value: String)] = [], at address: SocketAddress? = nil,
    following: Bool = true
  ) throws -> ClientResponse {
    var address = address ?? gateway
    var target = target
    for _ in 0..<8 {
      let request = ClientRequest(
        method: method, target: target, headers: headers, body: Array(body.utf8))
      let response = try client.sendAndWait(request, to: address, deadline: .seconds(20))
      guard following, response.status == 307, let location = response.header("location") else {
        return response
      }
      let endpoint = try HTTPEndpoint(location)
      address = try endpoint.resolve()
      target = endpoint.target
    }
    throw ClusterFailure("the request to \(target) was forwarded too often")
  }

  func json(_ target: String) throws -> Any {
    let response = try send(.get, target)
    return try JSONSerialization.jsonObject(with: Data(response.body))
  }

  /// `/ring`, once the cluster has settled with at least this many members.
  func settledRing(members: Int, within seconds: Double = 60) throws -> [String: Any] {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
      if let ring = try? json("/ring") as? [String: Any], ring["settled"] as? Bool == true,
        let list = ring["members"] as? [[String: Any]], list.count >= members
      {
        return ring
      }
      // A poll's pause, not a test's clock: what is waited for is the state itself.
      usleep(20_000)
    }
    throw ClusterFailure("the cluster did not settle with \(members) members in time")
  }

  /// The nodes' sizes.
  func sizes() throws -> [Int] {
    guard let nodes = try json("/nodes") as? [[String: Any]] else { return [] }
    return nodes.compactMap { ($0["info"] as? [String: Any])?["size"] as? Int }
  }
}

extension ClientResponse {
  var text: String { String(decoding: body, as: UTF8.self) }
}
