import Cluster
import Gateway
import HTTPTransport
import ScaledStorage
import Testing

/// What comes through a gateway that fetches the owner's answer.
@Suite(.timeLimit(.minutes(2)))
struct ProxyTests {
  private func proxied() throws -> InProcessCluster {
    let cluster = try InProcessCluster(forward: .proxy)
    cluster.settle(1)
    return cluster
  }

  @Test("Keys are written, read, compared and deleted through a proxy as at their owner")
  func keys() throws {
    let cluster = try proxied()
    let created = try cluster.send(.put, "/kv/a%20b", Array("one".utf8))
    #expect(created.status == 201)
    let tag = try #require(created.header("etag"))
    let read = try cluster.send(.get, "/kv/a%20b")
    #expect(read.status == 200 && read.body == Array("one".utf8))
    #expect(read.header("etag") == tag && read.header("ss-node") != nil)
    let same = try cluster.send(.get, "/kv/a%20b", headers: [("if-none-match", tag)])
    #expect(same.status == 304 && same.body.isEmpty)
    let head = try cluster.send(.head, "/kv/a%20b")
    #expect(head.status == 200 && head.body.isEmpty && head.header("content-length") == "3")
    let refused = try cluster.send(.put, "/kv/a%20b", [1], headers: [("if-none-match", "*")])
    #expect(refused.status == 412 && refused.header("etag") == tag)
    #expect(try cluster.send(.delete, "/kv/a%20b", headers: [("if-match", tag)]).status == 204)
    let missing = try cluster.send(.get, "/kv/a%20b")
    #expect(missing.status == 404 && missing.header("ss-error") == "not_found")
  }

  @Test(
    "What cannot be passed on as it is gets the same answer as without the short way",
    arguments: [
      ("/kv/", 400), ("/kv/%zz", 400), ("/kv/%ff", 400), ("/kv/%c3%a4", 404), ("/kv/ok?x=1", 404),
      ("/kv/key?ttl=0", 400), ("/kv/" + String(repeating: "k", count: 1_025), 400),
      ("/kv/" + String(repeating: "k", count: 1_024), 404),
      ("/kv/" + String(repeating: "%41", count: 1_025), 400),
    ])
  func targets(target: String, status: Int) throws {
    let cluster = try proxied()
    #expect(try cluster.send(.get, target).status == status)
  }

  @Test("Large values go through a proxy whole")
  func largeValues() throws {
    let cluster = try proxied()
    let value = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
    #expect(try cluster.send(.put, "/kv/large", value).status == 201)
    #expect(try cluster.send(.get, "/kv/large").body == value)
    let tooLarge = try cluster.send(.put, "/kv/large", value + value)
    #expect(tooLarge.status == 413)
  }

  @Test("A deadline that is over, or no number, is refused before anything is done")
  func deadlines() throws {
    let cluster = try proxied()
    for (value, status) in [("0", 504), ("x", 400), ("30000", 201)] {
      let response = try cluster.send(.put, "/kv/k", [1], headers: [("ss-deadline", value)])
      #expect(response.status == status)
    }
  }

  @Test("What is left of a deadline ends the wait for an owner that is not there")
  func deadlineWithoutOwner() throws {
    let cluster = try proxied()
    let member = try #require(cluster.coordinator.map.members.first)
    cluster.launcher.failures = .max
    cluster.launcher.kill(member)
    let start = MonotonicTime.current()
    let response = try cluster.send(.get, "/kv/k", headers: [("ss-deadline", "60")])
    #expect(response.status == 502 || response.status == 504 || response.status == 503)
    #expect(MonotonicTime.current() - start < .seconds(8))
  }
}
