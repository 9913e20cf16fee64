import Candid
import Cluster
import HTTPTransport
import Placement
import Testing
import WireProtocol

@testable import ScaledStorageClient

@Suite("Owners of keys", .timeLimit(.minutes(2)))
struct RoutingTests {
  private static let first = Principal.canister(number: 1)
  private static let second = Principal.canister(number: 2)

  private static func map(_ members: Int, address: String = "127.0.0.1:9") throws -> ClusterMap {
    var map = try ClusterMap.founding(
      first, address: address, hashKey: HashKey(bytes: Array(repeating: 7, count: 32)),
      capacity: 16)
    if members > 1 { map = try map.joining([(second, "127.0.0.1:10")], epoch: 2) }
    return map
  }

  private static func ring(_ map: ClusterMap, isTrusted: Bool = true) -> RingPlacement {
    RingPlacement(
      epoch: map.ring.epoch,
      members: map.members.map { RingPlacement.Member(id: $0, address: map.addresses[$0]) },
      placement: isTrusted ? map : nil)
  }

  private func install(_ table: OwnerTable, _ ring: RingPlacement) {
    table.install(ring) { node, address in node.address = try? SocketAddress(address) }
  }

  @Test("The placement tells the owner of every key; an older one is left alone")
  func placement() throws {
    let table = OwnerTable()
    #expect(table.owner(of: [1]) == nil && !table.hasPlacement)
    let map = try RoutingTests.map(2)
    install(table, RoutingTests.ring(map))
    install(table, RoutingTests.ring(try RoutingTests.map(1)))
    for number in 0..<200 {
      let key = Array("key \(number)".utf8)
      let owner = try #require(map.owner(of: key))
      #expect(table.owner(of: key)?.name == Array(owner.text.utf8))
    }
    #expect(!table.isStale)
    table.hear(of: 3)
    #expect(table.isStale && table.owner(of: [1]) != nil)
  }

  @Test("What was learned is forgotten when the ring changes")
  func learning() throws {
    let table = OwnerTable()
    install(table, RoutingTests.ring(try RoutingTests.map(2), isTrusted: false))
    let node = table.node(named: RoutingTests.second.text.utf8)
    #expect(node.address == (try SocketAddress("127.0.0.1:10")))
    for number in 0..<100 { table.learn(Array("\(number)".utf8), node) }
    #expect(table.owner(of: Array("5".utf8)) === node)
    #expect(table.owner(of: Array("x".utf8)) == nil)
    table.hear(of: 3)
    #expect(table.owner(of: Array("5".utf8)) == nil)
  }

  @Test("A node that could not be reached is left alone for a while")
  func avoidance() throws {
    let node = OwnerTable.Node(name: [])
    let now = MonotonicTime(nanoseconds: 1_000_000_000)
    #expect(!node.isUsable(at: now))
    node.address = .loopback(port: 9)
    #expect(node.isUsable(at: now))
    node.failed(at: now)
    #expect(
      !node.isUsable(at: now + .milliseconds(99)) && node.isUsable(at: now + .milliseconds(201)))
    node.answered()
    #expect(node.isUsable(at: now))
  }

  @Test("One request for the ring serves all who wait, and a newer epoch asks for it again")
  func refreshes() throws {
    let loop = try EventLoop()
    var address = SocketAddress.loopback()
    var epoch: UInt64 = 1
    var rings = 0
    let server = try FakeServer(loop) { exchange in
      guard exchange.path.elementsEqual("/ring".utf8) else {
        return exchange.give("v", by: RoutingTests.first, epoch: epoch)
      }
      rings += 1
      guard var map = try? RoutingTests.map(1, address: "\(address)") else { return }
      if epoch > 1,
        let grown = try? map.joining([(RoutingTests.second, "\(address)")], epoch: epoch)
      {
        map = grown
      }
      exchange.setHeader("content-type", "application/candid")
      exchange.setBody((try? CandidArguments.encode(RoutingTests.ring(map))) ?? [])
    }
    address = server.address
    var settings = ClusterEngine.Settings(endpoint: try server.endpoint)
    settings.routing = .direct
    settings.credential = .random()
    let engine = try ClusterEngine(loop: loop, settings)
    func ask(_ count: Int) {
      var left = count
      for number in 0..<count {
        engine.send(.get(Array("\(number)".utf8))) { result in
          if case .failure = result { Issue.record("a request failed") }
          left -= 1
          if left == 0 { loop.stop() }
        }
      }
      loop.run()
      #expect(left == 0)
    }
    ask(100)
    #expect(rings == 1 && engine.counters.extraHops.current == 0)
    epoch = 2
    ask(100)
    while engine.owners.isStale { ask(1) }
    #expect(rings == 2)
  }

  @Test("A server without a ring is asked for it again, after a while")
  func absence() throws {
    let loop = try EventLoop()
    var address = SocketAddress.loopback()
    var rings = 0
    let server = try FakeServer(loop) { exchange in
      guard exchange.path.elementsEqual("/ring".utf8) else {
        return exchange.give("v", by: RoutingTests.first, epoch: 1)
      }
      rings += 1
      guard rings > 1, let map = try? RoutingTests.map(1, address: "\(address)") else {
        return exchange.refuse(404, "unknown_method")
      }
      exchange.setHeader("content-type", "application/candid")
      exchange.setBody((try? CandidArguments.encode(RoutingTests.ring(map))) ?? [])
    }
    address = server.address
    var settings = ClusterEngine.Settings(endpoint: try server.endpoint)
    settings.routing = .direct
    settings.credential = .random()
    let engine = try ClusterEngine(loop: loop, settings)
    for _ in 0..<10 { #expect(try engine.ask(.get([0x61])).status == 200) }
    #expect(rings == 1 && engine.ring.absentUntil > loop.now)
    engine.ring.absentUntil = loop.now
    while !engine.owners.hasPlacement { _ = try engine.ask(.get([0x61])) }
    #expect(rings == 2)
  }

  @Test("A node that was started again at another address is found there from then on")
  func anotherAddress() throws {
    let loop = try EventLoop()
    func node() throws -> FakeServer {
      try FakeServer(loop) { $0.give("v", by: RoutingTests.first, epoch: 1) }
    }
    let first = try node()
    var address = first.address
    var forwards = 0
    let gateway = try FakeServer(loop) { exchange in
      guard !exchange.path.elementsEqual("/ring".utf8) else { return exchange.status = 404 }
      forwards += 1
      exchange.forward(to: address, RoutingTests.first, epoch: 1)
    }
    var settings = ClusterEngine.Settings(endpoint: try gateway.endpoint)
    settings.routing = .direct
    let engine = try ClusterEngine(loop: loop, settings)
    for _ in 0..<3 { #expect(try engine.ask(.get([0x61])).status == 200) }
    #expect(forwards == 1 && first.requests == 3)
    first.close()
    let second = try node()
    address = second.address
    for _ in 0..<3 { #expect(try engine.ask(.get([0x61])).status == 200) }
    #expect(forwards == 2 && second.requests == 3)
  }

  @Test("Calls are routed by their first argument, as services see it")
  func callKeys() {
    #expect(CallKey.bytes(of: "k") == [0x6b])
    #expect(CallKey.bytes(of: [UInt8](arrayLiteral: 1, 2)) == [1, 2])
    #expect(CallKey.bytes(of: -12) == Array("-12".utf8))
    #expect(CallKey.bytes(of: RoutingTests.first) == Array(RoutingTests.first.text.utf8))
    #expect(CallKey.bytes(of: 1.5) == nil)
  }
}
