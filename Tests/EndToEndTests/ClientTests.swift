import Foundation
import HTTPTransport
import ScaledStorageClient
import Synchronization
import Testing

extension EndToEnd {
  /// The client library against the real program.
  @Suite(.serialized, .timeLimit(.minutes(5)))
  struct ClientEndToEnd {
    private final class Workers: Sendable {
      let isOver = Atomic(false)
      private let state = Mutex((ended: 0, failures: [String]()))

      var ended: Int { state.withLock { $0.ended } }
      var failures: [String] { state.withLock { $0.failures } }

      func end(_ failure: String?) {
        state.withLock { state in
          state.ended += 1
          if let failure { state.failures.append(failure) }
        }
      }
    }

    @Test(
      "While a cluster grows from one node to six, a client meets no error and loses no write",
      arguments: [ClusterClient.Routing.direct, .gateway])
    func growth(routing: ClusterClient.Routing) throws {
      let cluster = try RunningCluster([
        "--scale-up-at", "60", "--max-nodes", "6", "--forward", "proxy",
      ])
      defer { cluster.remove() }
      let file = cluster.directory.appendingPathComponent("credential")
      let secret = try String(contentsOf: file, encoding: .utf8)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      let client = try ClusterClient(
        cluster.url, credential: routing == .direct ? secret : nil, routing: routing)
      let workers = Workers()
      for worker in 0..<8 {
        // Not on the threads that tests run on.
        Task(executorPreference: client.executor) {
          workers.end(await ClientEndToEnd.work(worker, client, workers))
        }
      }
      _ = try HTTPUser(cluster.address).settledRing(members: 6)
      workers.isOver.store(true, ordering: .releasing)
      while workers.ended < 8 { usleep(1_000) }
      #expect(workers.failures == [])
      let statistics = client.statistics
      if routing == .direct { #expect(statistics.extraHops < statistics.requests / 5) }
      #expect(statistics.failures == 0)
    }

    /// Increments counters of its own by compare-and-set, and compares them at the end. Returns
    /// what went wrong.
    private static func work(
      _ worker: Int, _ client: ClusterClient, _ workers: Workers
    ) async -> String? {
      do {
        var versions: [EntryVersion?] = Array(repeating: nil, count: 60)
        var counts = Array(repeating: 0, count: 60)
        var turn = 0
        while !workers.isOver.load(ordering: .acquiring) {
          let index = turn % counts.count
          turn += 1
          counts[index] += 1
          let condition = versions[index].map { WriteCondition.version($0) } ?? .isAbsent
          versions[index] = try await client.put(
            "worker \(worker)/\(index)", "\(counts[index])", if: condition
          ).version
        }
        let keys = counts.indices.filter { counts[$0] > 0 }.map { "worker \(worker)/\($0)" }
        var read = 0
        for try await (key, entry) in client.get(keys: keys, concurrency: 8) {
          let index = Int(key.split(separator: "/").last ?? "") ?? 0
          guard entry?.text == "\(counts[index])" else {
            return "\(key) is \(entry?.text ?? "absent"), not \(counts[index])"
          }
          read += 1
        }
        return read == keys.count ? nil : "\(read) of \(keys.count) keys were read"
      } catch {
        return "\(error)"
      }
    }
  }
}
