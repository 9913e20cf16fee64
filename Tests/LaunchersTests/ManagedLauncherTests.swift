import Candid
import Cluster
import Gateway
import HTTPTransport
import Testing

@testable import Launchers

@Suite("Nodes that a manager runs", .timeLimit(.minutes(1)))
struct ManagedLauncherTests {
  private final class Manager: InstanceManager {
    let loop: EventLoop
    var instances: [Principal: ManagedInstance] = [:]
    /// Where the next instance that is started answers.
    var address: String?
    var failure: ClusterError?
    var removalFailures = 0
    /// Whether a start is answered only by ``completeStart()``.
    var holdsStart = false
    private var heldStart: Completion?
    private(set) var calls: [String] = []
    private(set) var looks = 0
    var isEmpty: Bool { instances.isEmpty }

    init(_ loop: EventLoop) {
      self.loop = loop
    }

    private func answer(_ result: Result<Void, ClusterError>, _ completion: @escaping Completion) {
      loop.schedule(after: .zero) { completion(result) }
    }

    func look(
      at nodes: [Principal],
      _ completion: @escaping (Result<[Principal: ManagedInstance], ClusterError>) -> Void
    ) {
      looks += 1
      let result: Result<[Principal: ManagedInstance], ClusterError> =
        failure.map { .failure($0) } ?? .success(instances)
      loop.schedule(after: .zero) { completion(result) }
    }

    func start(_ node: Principal, _ completion: @escaping Completion) {
      calls.append("start")
      instances[node] = ManagedInstance(.running(run: "\(calls.count)", address: address))
      if holdsStart {
        heldStart = completion
      } else {
        answer(.success(()), completion)
      }
    }

    func completeStart() {
      calls.append("started")
      heldStart?(.success(()))
    }

    func stop(_ node: Principal, within: Duration, _ completion: @escaping Completion) {
      calls.append("stop")
      instances[node] = nil
      answer(.success(()), completion)
    }

    func kill(_ node: Principal) { calls.append("kill") }

    func remove(_ node: Principal, within: Duration, _ completion: @escaping Completion) {
      calls.append("remove")
      if removalFailures > 0 {
        removalFailures -= 1
        return answer(.failure(ClusterError(.conflict, "not now")), completion)
      }
      instances[node] = nil
      answer(.success(()), completion)
    }

    func whereToLook(_ node: Principal) -> String { "the log" }
  }

  private let node = Principal.canister(number: 1)

  private struct Bench {
    let loop: EventLoop
    let manager: Manager
    let launcher: ManagedLauncher
    let blank: BlankNode

    init() throws {
      loop = try EventLoop()
      manager = Manager(loop)
      launcher = ManagedLauncher(manager: manager, loop: loop, tls: nil, logger: .silent)
      blank = try BlankNode(loop: loop)
      manager.address = blank.address
    }

    /// Launches and waits for the first report.
    func launch(_ node: Principal, _ report: @escaping (LauncherEvent) -> Void) {
      var isReported = false
      launcher.launch(node, previousAddress: nil) { event in
        isReported = true
        report(event)
      }
      loop.run(until: "a report") { isReported }
    }
  }

  @Test("One that is missing is started; one that runs is adopted; both once they answer")
  func startAndAdopt() throws {
    let bench = try Bench()
    var events: [LauncherEvent] = []
    bench.launch(node) { events.append($0) }
    #expect(events == [.running(address: bench.blank.address)])
    #expect(bench.manager.calls == ["start"])
    let second = ManagedLauncher(
      manager: bench.manager, loop: bench.loop, tls: nil, logger: .silent)
    second.launch(node, previousAddress: nil) { events.append($0) }
    bench.loop.run(until: "it is adopted") { events.count == 2 }
    #expect(events[1] == events[0])
    #expect(bench.manager.calls == ["start"])
  }

  @Test("One that has ended is started again by a launch, and told of when it ends later")
  func ends() throws {
    let bench = try Bench()
    bench.manager.instances[node] = ManagedInstance(.ended(reason: "of old"))
    var events: [LauncherEvent] = []
    bench.launch(node) { events.append($0) }
    #expect(events == [.running(address: bench.blank.address)])
    bench.manager.instances[node] = ManagedInstance(.ended(reason: "it broke"))
    bench.loop.run(until: "the end is told") { events.count == 2 }
    #expect(events[1] == .stopped(reason: "it broke; see the log"))
  }

  @Test(
    "Another run, another address or none at all is the end of the one that was reported",
    arguments: [
      ManagedInstance(.running(run: "other", address: nil)),
      ManagedInstance(.running(run: "1", address: "127.0.0.1:1")), nil,
    ])
  func changes(after: ManagedInstance?) throws {
    let bench = try Bench()
    var events: [LauncherEvent] = []
    bench.launch(node) { events.append($0) }
    bench.manager.instances[node] = after
    bench.loop.run(until: "the end is told") { events.count == 2 }
    guard case .stopped = events[1] else {
      Issue.record("\(events[1])")
      return
    }
  }

  @Test("What answers and is no node is refused")
  func stranger() throws {
    let bench = try Bench()
    let handler = EchoOfNothing()
    let server = HTTPServer(loop: bench.loop, handler: handler)
    bench.manager.address = try server.listen(on: .loopback()).description
    var events: [LauncherEvent] = []
    bench.launch(node) { events.append($0) }
    guard case .stopped(let reason) = events[0] else {
      Issue.record("\(events[0])")
      return
    }
    #expect(reason.contains("is no node"))
  }

  private final class EchoOfNothing: RequestHandler {
    func handle(_ exchange: Exchange) -> Disposition { .done }
  }

  @Test("A manager that does not answer ends nothing that runs")
  func silence() throws {
    let bench = try Bench()
    var events: [LauncherEvent] = []
    bench.launch(node) { events.append($0) }
    bench.manager.failure = ClusterError(.overloaded, "no engine")
    let looks = bench.manager.looks
    bench.loop.run(until: "two looks have failed") { bench.manager.looks >= looks + 2 }
    #expect(events.count == 1)
  }

  @Test("Removal is tried until it succeeds, and all who wait for it are told")
  func removal() throws {
    let bench = try Bench()
    bench.launch(node) { _ in }
    bench.manager.removalFailures = 1
    var done = 0
    bench.launcher.destroy(node) { done += 1 }
    bench.launcher.destroy(node) { done += 1 }
    bench.loop.run(until: "it is removed") { done == 2 }
    #expect(bench.manager.calls == ["start", "remove", "remove"])
    #expect(bench.launcher.isEmpty)
  }

  @Test("A restart stops the instance, whose end is reported, and the next launch starts it")
  func restart() throws {
    let bench = try Bench()
    var events: [LauncherEvent] = []
    var outcome: Result<Void, ClusterError>?
    bench.launcher.restart(node) { outcome = $0 }
    bench.loop.run(until: "it is refused") { outcome != nil }
    #expect(throws: ClusterError.self) { try outcome?.get() }
    bench.launch(node) { events.append($0) }
    outcome = nil
    bench.launcher.restart(node) { outcome = $0 }
    bench.loop.run(until: "its end is told") { events.count == 2 && outcome != nil }
    #expect(throws: Never.self) { try outcome?.get() }
    bench.launch(node) { events.append($0) }
    #expect(events.last == .running(address: bench.blank.address))
    #expect(bench.manager.calls == ["start", "stop", "start"])
  }

  @Test("At the end of all, each instance is stopped")
  func stopAll() throws {
    let bench = try Bench()
    bench.launch(node) { _ in }
    var isOver = false
    bench.launcher.stopAll(within: .seconds(5)) { isOver = true }
    bench.loop.run(until: "all are stopped") { isOver }
    #expect(bench.manager.calls == ["start", "stop"])
  }
  @Test("A removal waits for the answer to a start that is under way")
  func removalAmidStart() throws {
    let bench = try Bench()
    bench.manager.holdsStart = true
    bench.launcher.launch(node, previousAddress: nil) { _ in }
    bench.loop.run(until: "it is being started") { bench.manager.calls == ["start"] }
    var isOver = false
    bench.launcher.destroy(node) { isOver = true }
    bench.loop.schedule(after: .milliseconds(20)) { bench.manager.completeStart() }
    bench.loop.run(until: "it is removed") { isOver }
    #expect(bench.manager.calls == ["start", "started", "remove"])
  }

  @Test("An instance without data is not taken for a node that has keys")
  func blankMember() throws {
    let bench = try Bench()
    bench.launcher.mayBeBlank = { [node] in $0 != node }
    var events: [LauncherEvent] = []
    bench.launch(node) { events.append($0) }
    guard case .stopped(let reason) = events[0] else {
      Issue.record("\(events[0])")
      return
    }
    #expect(reason.contains("has no data"))
  }

  @Test("A node of another cluster is neither adopted nor removed")
  func foreigner() throws {
    let bench = try Bench()
    bench.launcher.isOurs = { _ in false }
    var events: [LauncherEvent] = []
    bench.launch(node) { events.append($0) }
    guard case .stopped(let reason) = events[0] else {
      Issue.record("\(events[0])")
      return
    }
    #expect(reason.contains("another cluster"))
    var isOver = false
    bench.launcher.destroy(node) { isOver = true }
    bench.loop.run(until: "it is left alone") { isOver }
    #expect(bench.manager.calls == ["start"])
  }
}
