import Cluster
import Gateway
import HTTPTransport
import ScaledStorage
import Testing
import WireProtocol

/// What the original library gets wrong about its answers, shown to be right here over HTTP.
@Suite(.timeLimit(.minutes(2)))
struct DefectTests {
  private func node(_ cluster: InProcessCluster) throws -> SocketAddress {
    let member = try #require(cluster.coordinator.map.members.first)
    return try SocketAddress(try #require(cluster.coordinator.map.addresses[member]))
  }

  @Test(
    "Defect 4 of the original: an event that cannot be decoded is an error to its sender",
    arguments: ["application/candid", "text/candid", "application/json"])
  func undecodableEvent(type: String) throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let headers = [
      ("content-type", type), ("authorization", cluster.launcher.credential.headerValue),
    ]
    let response = try cluster.send(
      .post, "/handle_event", Array("DIDL damaged".utf8), headers: headers, to: node(cluster))
    #expect(response.status == 400)
    #expect(response.header("ss-error") != nil)
  }

  @Test("Defect 5 of the original: a request that nodes pass on in circles is ended")
  func circles() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let headers = [(name: "ss-forward", value: "proxy"), (name: "ss-hops", value: "5")]
    for address in [cluster.address, try node(cluster)] {
      let response = try cluster.send(.get, "/kv/key", headers: headers, to: address)
      #expect(response.status == 508)
      #expect(response.header("ss-error") == "too_many_hops")
      let problem = ServerProblem(
        status: 508, contentType: response.header("content-type"), body: response.body)
      #expect(problem.isRetryable)
    }
  }

  @Test("Defect 12 of the original: a missing key is told from an empty value, errors from data")
  func missingAndEmpty() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    #expect(try cluster.send(.put, "/kv/empty").status == 201)
    let empty = try cluster.send(.get, "/kv/empty")
    #expect(empty.status == 200 && empty.body.isEmpty)
    #expect(try cluster.send(.get, "/kv/missing").status == 404)
    let headers = [(name: "content-type", value: "text/candid")]
    func data(_ key: String) throws -> ClientResponse {
      try cluster.send(.post, "/get_data", Array("(\"\(key)\")".utf8), headers: headers)
    }
    let text = try data("empty")
    #expect(text.status == 200)
    #expect(String(decoding: text.body, as: UTF8.self).contains("data = \"\""))
    let missing = try data("missing")
    #expect(missing.status == 404)
    #expect(missing.header("ss-error") == "not_found")
  }
}
