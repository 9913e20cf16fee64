import AllocationCounter
import Candid
import Cluster
import Foundation
import HTTPTransport
import Logging
import RocksDBStorage
import ScaledStorage
import Storage
import Synchronization
import WireProtocol

/// A node on the calling thread, and a client on another that asks it in rounds.
enum CountedNode {
  struct Count {
    var requests = rounds * streams
    /// Of these; the others failed.
    var answered = 0
    /// Blocks, once everything that grows has grown.
    var allocations = 0

    var isComplete: Bool { answered == requests }
  }

  private static let rounds = 20
  private static let streams = 100

  static func run(_ make: @escaping @Sendable (_ number: Int) -> PlainRequest) throws -> Count {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let loop = try EventLoop()
    let store = CountedEngine(try RocksDBEngine(path: folder.path))
    defer { store.close() }
    let runtime = try NodeRuntime(
      loop: loop, store: store, access: AccessControl(Credentials(.random())),
      settings: NodeRuntime.Settings(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let server = NodeServer(runtime: runtime, loop: loop, limits: ServerLimits())
    let address = try server.listen(on: .loopback())
    runtime.address = address.description
    runtime.initialise(InitCanisterManagerParam(args: nil)) { _ in loop.stop() }
    loop.run()
    for chunk in Module(try CountedModule.bytes()).chunks {
      runtime.initWasm(chunk) { _ in loop.stop() }
      if !runtime.hasModule { loop.run() }
    }
    let outcome = Mutex(Count())
    let mailbox = loop.mailbox
    let bound = LoopBound(loop, loop: loop)
    let ended = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      outcome.withLock { $0 = ask(address.port, make) }
      mailbox.post { bound.value.stop() }
      ended.signal()
    }
    allocation_counter_count_thread(1)
    loop.run()
    allocation_counter_count_thread(0)
    ended.wait()
    server.shutdown(within: .seconds(1)) { loop.stop() }
    loop.run()
    return outcome.withLock { $0 }
  }

  private static func ask(
    _ port: UInt16, _ make: (_ number: Int) -> PlainRequest
  ) -> Count {
    guard let client = RawClient(port: port, streams: streams) else { return Count() }
    client.create(body: [UInt8](repeating: 1, count: 100))
    for _ in 0..<rounds { client.request(make) }
    let (before, answered) = (allocation_counter_total(), client.answered)
    for _ in 0..<rounds { client.request(make) }
    let allocations = Int(allocation_counter_total() - before)
    return Count(
      answered: client.answered - answered - client.failed, allocations: allocations)
  }
}

/// Counts the thread that commits.
private final class CountedEngine: StorageEngine {
  private let engine: RocksDBEngine

  init(_ engine: RocksDBEngine) { self.engine = engine }

  func commit(_ batch: WriteBatch) throws(StorageError) {
    allocation_counter_count_thread(1)
    try engine.commit(batch)
  }

  func get(_ key: [UInt8]) throws(StorageError) -> [UInt8]? { try engine.get(key) }

  func scan(from: [UInt8], upTo: [UInt8]?, limit: ScanLimit) throws(StorageError) -> ScanPage {
    try engine.scan(from: from, upTo: upTo, limit: limit)
  }

  func makeSnapshot() throws(StorageError) -> any StorageSnapshot { try engine.makeSnapshot() }

  var approximateByteCount: UInt64 { engine.approximateByteCount }

  func close() { engine.close() }
}
