import Candid
import Cluster
import HTTPTransport
import ScaledStorage
import Testing
import WireProtocol

@testable import Gateway

/// Keys that move compressed.
@Suite(.timeLimit(.minutes(2)))
struct CompressionTests {
  @Test(arguments: [true, false])
  func valuesMoveWholeWhetherCompressedOrNot(isCompressed: Bool) throws {
    let cluster = try InProcessCluster()
    cluster.launcher.settings.compressesHandover = isCompressed
    cluster.settle(1)
    let values = (0..<40).map { number in
      (0..<4_000).map { UInt8(truncatingIfNeeded: $0 / (number + 1)) }
    }
    for (number, value) in values.enumerated() {
      #expect(try cluster.send(.put, "/kv/\(number)", value).status == 201)
    }
    try cluster.coordinator.addNodes(2, reason: "test")
    cluster.settle(3)
    try cluster.coordinator.removeNodes([.canister(number: 1)], reason: "test")
    cluster.settle(2)
    for (number, value) in values.enumerated() {
      #expect(try cluster.send(.get, "/kv/\(number)").body == value)
    }
  }

  /// A node that knows of no content coding, as older programs.
  private final class OlderNode: RequestHandler {
    private(set) var codings: [String?] = []

    func handle(_ exchange: Exchange) -> Disposition {
      let coding = exchange.header("content-encoding")
      codings.append(coding)
      exchange.status = coding == nil ? 200 : 400
      return .done
    }
  }

  @Test func aNodeThatTakesNoCompressedKeysGetsThemAsTheyAre() throws {
    let loop = try EventLoop()
    let node = OlderNode()
    let server = HTTPServer(loop: loop, limits: ServerLimits(), handler: node)
    let address = try server.listen(on: .loopback()).description
    let client = PeerClient(
      loop: loop, credentials: Credentials(.random()), compressesMigrations: true)
    let event = CanisterManagerEvent.migrate(
      Migration(data: [UInt8](repeating: 1, count: 1_000), epoch: 2, from: nil))
    var outcomes: [Bool] = []
    for _ in 0..<3 {
      client.send(event, to: .canister(number: 2), at: address, epoch: 1) { result in
        if case .success = result { outcomes.append(true) } else { outcomes.append(false) }
        loop.stop()
      }
      loop.run()
    }
    #expect(outcomes == [false, true, true])
    #expect(node.codings == ["deflate", nil, nil])
    client.shutdown()
    server.shutdown(within: .zero) { loop.stop() }
    loop.run()
  }
}
