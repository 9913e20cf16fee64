import Candid
import Cluster
import HTTPTransport
import Logging
import ScaledStorage
import Placement
import Storage
import Testing
import WireProtocol

@testable import ScaledStorageService

@Suite("A node in a line", .timeLimit(.minutes(1)))
struct SummaryTests {
  @Test("It says whether the node is blank, a member, or fenced")
  func summary() throws {
    let loop = try EventLoop()
    let runtime = try NodeRuntime(
      loop: loop, store: MemoryEngine(), access: AccessControl(Credentials(.random())),
      settings: NodeRuntime.Settings(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    #expect(runtime.summary == "blank: waits for a gateway that needs it")
    let id = Principal.canister(number: 3)
    let map = try ClusterMap.founding(
      id, address: "127.0.0.1:1", hashKey: .random(), capacity: 16, epoch: 7)
    let arguments = InstallArgs(allNodes: [], node: id, map: map)
    runtime.initialise(InitCanisterManagerParam(args: arguments)) { _ in loop.stop() }
    loop.run()
    #expect(runtime.summary == "node 3 of epoch 7: serves")
    runtime.node.servesUntil = MonotonicTime(nanoseconds: 0)
    #expect(runtime.summary.hasPrefix("node 3 of epoch 7: fenced: "))
  }
}
