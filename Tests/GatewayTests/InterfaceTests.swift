import Foundation
import HTTPTransport
import ScaledStorage
import Testing

@Suite("The gateway's interface")
struct InterfaceTests {
  @Test("A gateway has the paths that it tells of, and no others")
  func paths() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(try cluster.send(.get, "/openapi.json").body))
        as? [String: Any])
    let paths = try #require(document["paths"] as? [String: Any])
    #expect(paths["/scale"] != nil && paths["/handle_event"] == nil)
    for path in paths.keys {
      let target = path.replacing(/{[a-z]+}/, with: "x")
      // The stream of events has no end.
      for method in [path.hasSuffix("/events") ? HTTPMethod.post : .get, .post] {
        let answer = try cluster.send(method, target)
        #expect(answer.header("ss-error") != "unknown_method", "\(path)")
      }
    }
    for name in ModuleInterface.reservedNames where !["kv", "locate"].contains(name) {
      let isThere = try cluster.send(.get, "/\(name)").header("ss-error") != "unknown_method"
      let isTold = paths.keys.contains { $0 == "/\(name)" || $0.hasPrefix("/\(name)/") }
      #expect(isThere == isTold, "\(name)")
    }
  }

  @Test("What a client says of the ring has to be an epoch, at the gateway as well")
  func epoch() throws {
    let cluster = try InProcessCluster(forward: .proxy)
    cluster.settle(1)
    for (epoch, status) in [("1", 201), ("16777216", 400), ("-1", 400), ("x", 400)] {
      let answer = try cluster.send(
        .put, "/kv/\(epoch)", [1], headers: [(name: "ss-epoch", value: epoch)])
      #expect(answer.status == status)
    }
  }
}
