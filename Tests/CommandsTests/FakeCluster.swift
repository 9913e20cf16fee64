import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import ScaledStorageClient
import WireProtocol

@testable import Commands

/// A server whose answers a test decides.
final class FakeServer: RequestHandler {
  private var server: HTTPServer?
  private(set) var address = SocketAddress.loopback()
  private let answer: (Exchange) -> Void
  private(set) var requests = 0

  init(_ loop: EventLoop, answer: @escaping (Exchange) -> Void) throws {
    self.answer = answer
    let server = HTTPServer(loop: loop, limits: ServerLimits(), handler: self)
    self.server = server
    address = try server.listen(on: .loopback())
  }

  func handle(_ exchange: Exchange) -> Disposition {
    requests += 1
    answer(exchange)
    return .done
  }

  /// Stops listening at once.
  func close() {
    server?.shutdown(within: .zero) {}
    server = nil
  }
}

/// A gateway that forwards to two nodes, all on the test's loop.
final class FakeCluster {
  private final class Node {
    var values: [[UInt8]: [UInt8]] = [:]
    var server: FakeServer?
  }

  let loop: EventLoop
  private var nodes: [Node] = []
  private var gateway: FakeServer?
  /// Called before a write is stored, with its key.
  var willStore: ([UInt8]) -> Void = { _ in }
  /// Changes what is read.
  var distort: ([UInt8]) -> [UInt8] = { $0 }
  /// What the ring says of itself.
  var isSettled = true

  init() throws {
    loop = try EventLoop()
    for _ in 0..<2 {
      let node = Node()
      node.server = try FakeServer(loop) { [weak self, weak node] exchange in
        if let node { self?.serve(exchange, at: node) }
      }
      nodes.append(node)
    }
    gateway = try FakeServer(loop) { [weak self] exchange in self?.route(exchange) }
  }

  func connect(timeout: Duration = .seconds(10)) throws -> ClusterEngine {
    var settings = ClusterEngine.Settings(
      endpoint: try HTTPEndpoint("http://\(gateway?.address ?? .loopback())"))
    settings.timeout = timeout
    settings.connectPatience = timeout
    return try ClusterEngine(loop: loop, settings)
  }

  var count: Int { nodes.reduce(0) { $0 + $1.values.count } }

  func value(_ key: String) -> String? {
    nodes.lazy.compactMap { $0.values[Array(key.utf8)] }.first
      .map { String(decoding: $0, as: UTF8.self) }
  }

  private static func key(_ exchange: Exchange) -> [UInt8]? {
    try? KeyTarget(path: exchange.path.dropFirst("/kv/".utf8.count), query: []).key
  }

  private func owner(_ key: [UInt8]) -> Node {
    nodes[key.reduce(0) { $0 &+ Int($1) } % nodes.count]
  }

  private func route(_ exchange: Exchange) {
    if exchange.path.elementsEqual("/ring".utf8) {
      let members = zip([Principal.node1, .node2], nodes).map { id, node in
        RingListing.Member(
          id: id, address: node.server.map { "\($0.address)" }, state: "member")
      }
      let ring = RingListing(
        epoch: 2, digest: "0", members: members, joining: nil, isSettled: isSettled,
        change: nil, ending: nil, lastFailure: nil)
      return answer(ring, exchange)
    }
    guard let key = FakeCluster.key(exchange), let address = owner(key).server?.address else {
      exchange.status = 404
      return
    }
    exchange.status = 307
    exchange.setHeader(
      "location", "http://\(address)\(String(decoding: exchange.rawTarget, as: UTF8.self))")
  }

  private func serve(_ exchange: Exchange, at node: Node) {
    if exchange.path.elementsEqual("/node_info".utf8) {
      return answer(NodeInfo.sample(keys: UInt64(node.values.count), bytes: 0), exchange)
    }
    guard let key = FakeCluster.key(exchange) else {
      exchange.status = 400
      return
    }
    guard owner(key) === node else { return route(exchange) }
    switch exchange.method {
    case .put:
      willStore(key)
      exchange.status = node.values.updateValue(exchange.body, forKey: key) == nil ? 201 : 200
    default:
      guard let value = node.values[key] else {
        exchange.status = 404
        return
      }
      exchange.setBody(distort(value))
    }
  }

  private func answer<Value: CandidConvertible>(_ value: Value, _ exchange: Exchange) {
    guard let body = try? CandidArguments.encode(value) else {
      exchange.status = 500
      return
    }
    exchange.setHeader("content-type", "application/candid")
    exchange.setBody(body)
  }
}

extension Principal {
  static let node1 = Principal("rrkah-fqaaa-aaaaa-aaaaq-cai") ?? .anonymous
  static let node2 = Principal("ryjl3-tyaaa-aaaaa-aaaba-cai") ?? .anonymous
}

extension NodeInfo {
  static func sample(keys: UInt64, bytes: UInt64) -> NodeInfo {
    NodeInfo(
      allNodes: [], previousNode: nil, nextNode: nil, status: .ready, cyclesBalance: 0, node: nil,
      size: keys, bytes: bytes, epoch: 2, revision: 2, ringDigest: "0", requestsPerSecond: 0,
      moduleSHA256: nil, version: "0", durability: "fsync", isPurging: false, handover: nil,
      incarnation: 0, processID: 1)
  }
}
