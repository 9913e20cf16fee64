import Candid
import Cluster
import Foundation
import HTTPTransport
import Placement
import ScaledStorage
import Testing
import WireProtocol

@testable import Gateway

@Suite(.timeLimit(.minutes(2)))
struct StatusTests {
  private func text(_ response: ClientResponse) -> String {
    String(decoding: response.body, as: UTF8.self)
  }

  // MARK: - /status

  @Test("The status tells of the cluster, its nodes and its health in words, as JSON")
  func status() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try cluster.coordinator.addNodes(2, reason: "test")
    cluster.settle(3)
    cluster.gateway.board.look()
    let response = try cluster.send(.get, "/status")
    #expect(response.status == 200)
    #expect(response.header("content-type") == "application/json")
    _ = try JSONSerialization.jsonObject(with: Data(response.body))
    let status = text(response)
    #expect(status.contains("\"state\":\"healthy\",\"reason\":\"all 3 nodes serve\""))
    for number in 1...3 {
      let node = Principal.canister(number: UInt64(number))
      #expect(status.contains("{\"id\":\"\(node.text)\",\"number\":\(number),\"address\":\""))
    }
    #expect(status.contains("\"change\":null"))
    #expect(status.contains("\"action\":\"grow\",\"count\":2"))
    #expect(status.contains("\"reason\":\"test\",\"epoch\":3,\"outcome\":\"done\""))
    let summary = cluster.gateway.summary
    #expect(summary == "leads, 3 nodes at epoch 3, healthy: all 3 nodes serve")
  }

  @Test("A node that is gone makes the cluster degraded, and the reason says what it means")
  func degraded() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try cluster.coordinator.addNodes(1, reason: "test")
    cluster.settle(2)
    let node = try #require(cluster.coordinator.map.members.last)
    cluster.launcher.kill(node)
    cluster.loop.run(until: "the node is missed") { cluster.coordinator.reports[node] == nil }
    let status = text(try cluster.send(.get, "/status"))
    #expect(status.contains("\"state\":\"degraded\""))
    #expect(status.contains("node 2 does not answer; its keys, 50% of all, cannot be reached"))
    #expect(status.contains("\"state\":\"unreachable\""))
  }

  @Test("Other methods than GET and HEAD are refused", arguments: ["", "status", "locate/a"])
  func methods(path: String) throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let response = try cluster.send(.post, "/" + path)
    #expect(response.status == 405 && response.header("allow") == "GET, HEAD")
    #expect(try cluster.send(.head, "/" + path).status == 200)
  }

  // MARK: - /status/events

  @Test("Readers get everything first and then what changes, until the gateway ends")
  func events() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    var answer: ClientResponse?
    let request = ClientRequest(method: .get, target: "/status/events", headers: [], body: [])
    cluster.client.send(request, to: cluster.address, deadline: .seconds(60)) { result in
      answer = try? result.get()
    }
    let board = cluster.gateway.board
    cluster.loop.run(until: "there is a reader") { board.readerCount == 1 }
    try cluster.coordinator.addNodes(1, reason: "test")
    cluster.settle(2)
    board.look()
    board.look()
    cluster.gateway.shutdown(within: .seconds(5)) {}
    cluster.loop.run(until: "the stream has ended") { answer != nil }
    let response = try #require(answer)
    #expect(response.status == 200)
    #expect(response.header("content-type") == "text/event-stream")
    let events = text(response).split(separator: "\n\n").map(String.init)
    #expect(events.first?.hasPrefix("event: status\ndata: {\"time_ms\":") == true)
    #expect(events.dropFirst().allSatisfy { $0.hasPrefix("event: change\ndata: {\"time_ms\":") })
    let joined = "\"id\":\"\(Principal.canister(number: 2).text)\""
    #expect(events.first?.contains(joined) == false)
    #expect(events.dropFirst().contains { $0.contains(joined) })
    // Nothing has changed since the look before.
    let last = try #require(events.last)
    #expect(!last.contains("\"nodes\"") && !last.contains("\"cluster\""))
    #expect(board.readerCount == 0)
  }

  @Test("No more than 64 watch at once, and one that goes makes room")
  func manyReaders() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let request = ClientRequest(method: .get, target: "/status/events", headers: [], body: [])
    let board = cluster.gateway.board
    for _ in 0..<64 {
      cluster.client.send(request, to: cluster.address, deadline: .seconds(60)) { _ in }
    }
    cluster.loop.run(until: "all are there") { board.readerCount == 64 }
    let refused = try cluster.send(.get, "/status/events")
    #expect(refused.status == 503 && refused.header("ss-error") == "too_many_readers")
    #expect(refused.header("retry-after") != nil)
    let other = HTTPClient(loop: cluster.loop)
    cluster.client.shutdown()
    cluster.loop.run(until: "they have gone") {
      board.look()
      return board.readerCount == 0
    }
    let again = try? other.sendAndWait(request, to: cluster.address, deadline: .milliseconds(200))
    #expect(again == nil)
    cluster.loop.run(until: "it has been there") { board.readerCount <= 1 }
    other.shutdown()
  }

  @Test("One network does not take all places from the others, and the own machine has no bound")
  func readersOfNetworks() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let request = ClientRequest(method: .get, target: "/status/events", headers: [], body: [])
    let board = cluster.gateway.board
    for _ in 0..<17 {
      cluster.client.send(request, to: cluster.address, deadline: .seconds(60)) { _ in }
    }
    cluster.loop.run(until: "all are there") { board.readerCount == 17 }
    let stranger = SocketAddress(ipv4: 0x0A00_0001, port: 1).network
    #expect(StatusBoard.hasRoom(beside: 15, of: stranger))
    #expect(!StatusBoard.hasRoom(beside: 16, of: stranger))
    try board.checkRoom(for: stranger)
  }

  @Test("Who may not watch any more does not watch on")
  func removal() throws {
    let restricted = try RestrictedCluster()
    let cluster = restricted.cluster
    var answer: ClientResponse?
    let request = ClientRequest(
      method: .get, target: "/status/events", headers: restricted.headers(.reader), body: [])
    cluster.client.send(request, to: cluster.address, deadline: .seconds(60)) { result in
      answer = try? result.get()
    }
    let board = cluster.gateway.board
    cluster.loop.run(until: "there is a reader") { board.readerCount == 1 }
    cluster.gateway.access.replace(list: try RestrictedCluster.list([.writer]))
    cluster.loop.run(until: "the stream has ended") { answer != nil }
    #expect(answer?.status == 200 && board.readerCount == 0)
    #expect(try restricted.send(.get, "/status/events", as: .reader).status == 403)
  }

  @Test("Within a second everybody is answered by the same look")
  func keptSnapshot() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let board = cluster.gateway.board
    // A second may end between two of them.
    #expect((0..<3).contains { _ in board.snapshot() == board.snapshot() })
    try cluster.coordinator.addNodes(1, reason: "test")
    cluster.settle(2)
    #expect(text(try cluster.send(.get, "/status")).contains("\"number\":2"))
  }

  // MARK: - /locate

  @Test("A key is found with its owner and the reason, and nothing of the hash key is told")
  func locate() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    try cluster.coordinator.addNodes(3, reason: "test")
    cluster.settle(4)
    for key in ["a", "user:42", "ä/b"] {
      let path = KeyTarget.path(of: Array(key.utf8)).dropFirst("/kv/".count)
      let response = try cluster.send(.get, "/locate/\(path)")
      #expect(response.status == 200)
      let owner = try #require(cluster.coordinator.map.owner(of: Array(key.utf8)))
      let located = text(response)
      #expect(located.hasPrefix("{\"key\":\"\(key)\",\"bucket\":"))
      #expect(located.contains("\"owner\":\"\(owner.text)\""))
      #expect(located.contains("that bucket belongs to \(owner.label)."))
      #expect(located.contains("\"next_owner\":null"))
      #expect(try cluster.send(.put, "/kv/\(path)", [1]).header("ss-node") == owner.text)
    }
    #expect(try cluster.send(.get, "/locate/").status == 400)
    #expect(try cluster.send(.get, "/locate/%zz").status == 400)
  }

  // MARK: - The page

  @Test("The page is one document that may run nothing but what its hashes name")
  func page() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let response = try cluster.send(.get, "/")
    #expect(response.status == 200)
    #expect(response.header("content-type") == "text/html; charset=utf-8")
    let policy = try #require(response.header("content-security-policy"))
    #expect(policy.hasPrefix("default-src 'none'; ") && !policy.contains("unsafe"))
    let document = text(response)
    for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
      let start = try #require(document.firstRange(of: "<\(element)>")).upperBound
      let end = try #require(document.firstRange(of: "</\(element)>")).lowerBound
      let hash = Base64.text(SHA256.digest(Array(document[start..<end].utf8)))
      #expect(policy.contains("\(directive) 'sha256-\(hash)'"))
    }
    let resources = document.replacing("http://www.w3.org/2000/svg", with: "")
      .replacing("url(#", with: "")
    for outside in ["http:", "https:", "//www", "@import", "url(", "src="] {
      #expect(!resources.contains(outside))
    }
    // Text of others is set as text.
    for danger in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
      #expect(!document.contains(danger))
    }
    #expect(response.body.count < 60_000)
  }

  @Test("The page is compressed for who takes that, and told to be unchanged by its entity tag")
  func compression() throws {
    let cluster = try InProcessCluster()
    cluster.settle(1)
    let plain = try cluster.send(.get, "/")
    let small = try cluster.send(.get, "/", headers: [("accept-encoding", "br, gzip;q=0.5")])
    #expect(small.header("content-encoding") == "gzip")
    #expect(try Deflate.expanded(small.body, limit: 1 << 20, format: .gzip) == plain.body)
    #expect(plain.header("etag") != small.header("etag"))
    let tag = try #require(plain.header("etag"))
    let known = try cluster.send(.get, "/", headers: [("if-none-match", "\"x\", W/\(tag)")])
    #expect(known.status == 304 && known.body.isEmpty && known.header("etag") == tag)
  }

  @Test("Squeezing keeps what has a meaning")
  func squeezing() {
    let script = """
      // What is this?
      const a = "b  c \\" d" + -1;
      if (x) {
        return a - -b;
      }
      y()

      """
    let style = """
      .a .b > c:hover, d { margin: 0 -1px; content: "a  b"; }
      @media (width > 1px) and (hover) { e { color: red; } }

      """
    func squeezed(_ text: String, _ language: PageSource.Language) -> String {
      String(decoding: PageSource(language: language).squeezed(Array(text.utf8)), as: UTF8.self)
    }
    #expect(
      squeezed(script, .script)
        == "const a=\"b  c \\\" d\"+-1;if(x){return a- -b;}\ny()\n")
    #expect(
      squeezed(style, .style)
        == ".a .b > c:hover,d{margin:0 -1px;content:\"a  b\";}"
        + "@media (width > 1px) and (hover){e{color:red;}}")
  }

  @Test(arguments: [
    ("gzip", true), ("deflate, GZIP;q=0.1", true), ("gzip;q=0", false), ("", false), ("br", false),
  ])
  func acceptedCodings(field: String, isAccepted: Bool) {
    #expect(StatusPage.accepts(gzip: field) == isAccepted)
  }

  // MARK: - JSON

  @Test("Whatever a text has in it, it stays a JSON string")
  func text() {
    var json = JSONText()
    json.text("a\"\\\n\u{1}</script>ä")
    #expect(String(decoding: json.bytes, as: UTF8.self) == "\"a\\\"\\\\\\u000a\\u0001</script>ä\"")
  }

  @Test(arguments: [
    (0.0, "0"), (1.5, "1.5"), (-0.25, "-0.25"), (2.0004, "2"), (1234.5678, "1234.568"),
    (.infinity, "0"), (.nan, "0"), (1e300, "0"), (0.05, "0.05"),
  ])
  func numbers(value: Double, text: String) {
    var json = JSONText()
    json.number(value)
    #expect(String(decoding: json.bytes, as: UTF8.self) == text)
  }

  @Test("RFC 4648 section 10")
  func base64() {
    let vectors = [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ]
    for (text, encoded) in vectors { #expect(Base64.text(Array(text.utf8)) == encoded) }
  }

  @Test("The history keeps five minutes, and each node's rate as means")
  func history() {
    var history = StatusHistory()
    let node = Principal.canister(number: 1)
    for second in 1...1_000 {
      let sample = StatusHistory.Sample(
        requestsPerSecond: Double(second), latencyP99: nil, keys: 1, bytes: 2)
      history.add(sample, nodes: [(node, Double(second))])
    }
    #expect(history.samples.count == 300 && history.samples.last?.requestsPerSecond == 1_000)
    #expect(history.means(of: node).count == 60 && history.means(of: node).last == 998)
    history.add(StatusHistory.Sample(), nodes: [])
    #expect(history.means(of: node).isEmpty)
  }
}
