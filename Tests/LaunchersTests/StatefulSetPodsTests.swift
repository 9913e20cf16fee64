import Cluster
import Gateway
import HTTPTransport
import ScaledStorage
import Testing

@testable import Launchers

@Suite("The pods of a StatefulSet", .timeLimit(.minutes(1)))
struct StatefulSetPodsTests {
  /// Plays an API server with one StatefulSet.
  private final class API: RequestHandler {
    var replicas = 1
    var pods = [API.pod(0, address: "127.0.0.1")]
    /// What each watch gets, one after the other; then it gets nothing.
    var watches: [(status: Int, lines: String)] = []
    var conflicts = 0
    /// Whether the first answers tell no selector yet.
    var withoutSelector = 0
    private(set) var requests: [String] = []

    static func pod(_ ordinal: Int, address: String?, owner: String = "node") -> String {
      let status = address.map { "{\"podIP\":\"\($0)\"}" } ?? "{}"
      return """
        {"metadata":{"name":"node-\(ordinal)","resourceVersion":"7","ownerReferences":\
        [{"kind":"StatefulSet","name":"\(owner)"}]},"status":\(status)}
        """
    }

    func handle(_ exchange: Exchange) -> Disposition {
      let target = exchange.target
      requests.append("\(exchange.method) \(target)")
      if target.hasSuffix("/scale") {
        let selector = withoutSelector > 0 ? "" : ",\"selector\":\"a=b,c=d\""
        withoutSelector -= 1
        if exchange.method == .put {
          scale(String(decoding: exchange.body, as: UTF8.self), exchange)
        }
        answer(
          exchange,
          """
          {"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"node",\
          "resourceVersion":"3"},"spec":{"replicas":\(replicas)},"status":\
          {"replicas":1\(selector)}}
          """)
      } else if target.contains("watch=true") {
        guard !watches.isEmpty else { return .later }
        let watch = watches.removeFirst()
        exchange.status = watch.status
        answer(exchange, watch.lines)
      } else {
        let items = pods.joined(separator: ",")
        answer(exchange, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[\(items)]}")
      }
      return .done
    }

    private func scale(_ body: String, _ exchange: Exchange) {
      if conflicts > 0 {
        conflicts -= 1
        exchange.status = 409
        return
      }
      let digits = body.split(separator: "\"replicas\":").dropFirst().first?.prefix {
        $0.isNumber
      }
      replicas = digits.flatMap { Int($0) } ?? -1
    }

    private func answer(_ exchange: Exchange, _ text: String) {
      exchange.setHeader("content-type", "application/json")
      exchange.setBody(Array(text.utf8))
    }
  }

  private struct Bench {
    let loop: EventLoop
    let api = API()
    let server: HTTPServer
    let pods: StatefulSetPods

    init(_ prepare: (API) -> Void = { _ in }) throws {
      loop = try EventLoop()
      server = HTTPServer(loop: loop, handler: api)
      let address = try server.listen(on: .loopback())
      prepare(api)
      pods = StatefulSetPods(
        StatefulSetPods.Settings(name: "node", namespace: "ours", port: 8_081),
        api: KubernetesAPI(
          authority: address.description,
          account: ServiceAccount(directory: "/nowhere", tls: nil), loop: loop),
        loop: loop, logger: .silent)
      pods.start()
    }

    func need(_ occupied: [String], searching: Int, isSettled: Bool) {
      pods.need(InstanceNeeds(occupied: occupied, searching: searching, isSettled: isSettled))
    }
  }

  @Test("An answer without a selector, as of a StatefulSet that is new, is asked for again")
  func noSelector() throws {
    let bench = try Bench { $0.withoutSelector = 1 }
    bench.loop.run(until: "the pods are listed") { !bench.pods.listings.isEmpty }
  }

  @Test("They are listed by their ordinals, others left out, and followed from then on")
  func listAndWatch() throws {
    let bench = try Bench { api in
      api.pods = [
        API.pod(10, address: nil), API.pod(2, address: "::1"), API.pod(0, address: "127.0.0.1"),
        API.pod(3, address: "127.0.0.1", owner: "other"),
      ]
      api.watches = [
        (200, "{\"type\":\"ADDED\",\"object\":\(API.pod(1, address: ""))}\n"),
        (200, "{\"type\":\"DELETED\",\"object\":\(API.pod(10, address: nil))}\n"),
        (200, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}\n"),
      ]
    }
    bench.loop.run(until: "a watch goes on from the bookmark") {
      bench.api.requests.contains { $0.contains("resourceVersion=9") }
    }
    #expect(
      bench.pods.listings == [
        InstanceListing(name: "node-0", authority: "127.0.0.1:8081"),
        InstanceListing(name: "node-1", authority: nil),
        InstanceListing(name: "node-2", authority: "[::1]:8081"),
      ])
    #expect(bench.api.requests.contains { $0.contains("labelSelector=a%3Db%2Cc%3Dd") })
  }

  @Test(
    "A watch that is too old, or sends what nobody understands, begins with a list again",
    arguments: [
      (410, "{\"message\":\"too old\"}\n"),
      (200, "{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n"), (200, "what?\n"), (500, ""),
    ])
  func listAgain(status: Int, lines: String) throws {
    let bench = try Bench { $0.watches = [(status, lines)] }
    bench.api.pods.append(API.pod(1, address: "127.0.0.2"))
    bench.loop.run(until: "all is listed twice") {
      bench.api.requests.count { $0.contains("/pods?labelSelector") } == 2
    }
    bench.loop.run(until: "both are told of") { bench.pods.listings.count == 2 }
  }

  @Test("More are asked for at once, fewer when nothing is under way; also after a conflict")
  func scaling() throws {
    let bench = try Bench { $0.conflicts = 1 }
    bench.loop.run(until: "the pod is listed") { !bench.pods.listings.isEmpty }
    func look(_ occupied: [String], _ searching: Int, _ isSettled: Bool, until wanted: Int) {
      bench.loop.run(until: "\(wanted) replicas") {
        bench.need(occupied, searching: searching, isSettled: isSettled)
        return bench.api.replicas == wanted
      }
    }
    look(["node-0"], 3, false, until: 4)
    // Not settled: none goes.
    let requests = bench.api.requests.count
    for _ in 0..<20 { bench.need(["node-0", "node-1"], searching: 0, isSettled: false) }
    #expect(bench.api.requests.count == requests)
    look(["node-0", "node-1"], 0, true, until: 2)
  }

  @Test(
    "There are as many as nodes, and up to the last that holds one",
    arguments: [
      ([], 0, 1), ([], 3, 3), ([0, 1, 2], 0, 3), ([0, 1, 2], 5, 8), ([7], 0, 8), ([7], 2, 8),
      ([0, 5], 6, 8),
    ] as [([Int], Int, Int)])
  func arithmetic(ordinals: [Int], searching: Int, expected: Int) {
    let needs = InstanceNeeds(
      occupied: ordinals.map { "node-\($0)" }, searching: searching, isSettled: true)
    #expect(StatefulSetPods.replicas(for: needs, ordinals: ordinals) == expected)
  }

  @Test("Lines are cut however they come, and one without end is found out")
  func lines() {
    var buffer = LineBuffer(most: 8)
    buffer.append(Array("ab".utf8))
    #expect(buffer.next() == nil)
    buffer.append(Array("c\nde\n\nf".utf8))
    #expect(buffer.next().map(Array.init) == Array("abc".utf8))
    #expect(buffer.next().map(Array.init) == Array("de".utf8))
    #expect(buffer.next().map(Array.init) == [])
    #expect(buffer.next() == nil && !buffer.isOverfull)
    buffer.append(Array("123456789".utf8))
    #expect(buffer.next() == nil && buffer.isOverfull)
  }
}
