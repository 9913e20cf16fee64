import Candid
import Placement
import Storage
import Testing

@testable import Cluster

/// Handovers that go on after kill -9, are held to a rate, and lead members out.
@Suite struct ResumeTests {
  private let before: ClusterMap
  private let after: ClusterMap
  private let moving: [[UInt8]]

  init() throws {
    before = try NodeBench.ring(1)
    after = try NodeBench.ring(2)
    moving = NodeBench.keys(of: 2, in: after, count: 40)
  }

  private func prepared(
    _ limits: NodeMachine.Limits
  ) throws -> (source: NodeBench, target: NodeBench) {
    let source = try NodeBench.member(1, of: before, limits: limits)
    let target = try NodeBench.member(2, of: before)
    for key in moving { _ = try source.put("first", key) }
    try #require(target.ask(.prepare(after)).succeeded)
    return (source, target)
  }

  /// Limits by which a copy takes many steps, and notes each.
  private var smallSteps: NodeMachine.Limits {
    var limits = NodeMachine.Limits()
    limits.sliceEntries = 5
    limits.chunkEntries = 5
    limits.chunksInFlight = 1
    limits.checkpointBytes = 1
    return limits
  }

  /// Lets so many chunks reach their nodes. Returns the keys that they carried.
  private func carry(
    _ count: Int = .max, from source: NodeBench, to targets: [Principal: NodeBench]
  ) throws -> [[UInt8]] {
    var keys: [[UInt8]] = []
    var left = count
    for _ in 0..<1_000 {
      try source.settle()
      let chunks = source.takeSent()
      if chunks.isEmpty || left == 0 { return keys }
      for chunk in chunks {
        guard case .migrate(let migration) = chunk.event, let target = targets[chunk.to] else {
          throw Unexpected()
        }
        keys += try TransferChunk.records(in: migration.data).map(\.key)
        source.peerReplied(chunk.message, target.ask(chunk.event))
        left -= 1
      }
    }
    throw Unexpected()
  }

  private func finish(_ source: NodeBench, _ targets: [Principal: NodeBench], _ map: ClusterMap)
    throws
  {
    _ = try carry(from: source, to: targets)
    let fence = source.handle(.fence(epoch: map.ring.epoch))
    _ = try carry(from: source, to: targets)
    #expect(source.response(fence)?.succeeded == true)
    for target in targets.sorted(by: { $0.key < $1.key }) {
      #expect(target.value.ask(.ringChanged(map)).succeeded)
    }
    #expect(source.ask(.ringChanged(map)).succeeded)
  }

  @Test(
    "A source that restarts goes on where it was, and sends again what changed",
    arguments: [0, 1, 3, 8, 20])
  func resume(chunks: Int) throws {
    let (source, target) = try prepared(smallSteps)
    try #require(source.ask(.prepare(after)).succeeded)
    let targets = [Principal.canister(number: 2): target]
    let first = try carry(chunks, from: source, to: targets)
    // Changes of keys that were copied, and of others, which only the source has heard of.
    _ = try source.put("second", moving[0])
    _ = try source.put("second", moving[39])
    _ = try source.run(.delete(condition: .none), moving[1])
    _ = try source.run(.delete(condition: .none), moving[38])
    let restarted = try source.restarted(limits: smallSteps)
    #expect(restarted.machine.handoverStatus?.phase == "copying")
    #expect(restarted.ask(.ringChanged(after)).code == .conflict)
    let second = try carry(from: restarted, to: targets)
    if chunks >= 3 {
      let changed = Set([moving[0], moving[1], moving[38], moving[39]])
      let again = Set(second).intersection(first).subtracting(changed)
      #expect(again.count <= 2 * smallSteps.sliceEntries)
    }
    try finish(restarted, targets, after)
    #expect(try target.get(moving[0])?.value == Array("second".utf8))
    #expect(try target.get(moving[39])?.value == Array("second".utf8))
    #expect(try target.get(moving[1]) == nil && target.get(moving[38]) == nil)
    for key in moving[2..<38] { #expect(try target.get(key)?.value == Array("first".utf8)) }
    try restarted.settle()
    #expect(try restarted.stored().isEmpty && target.stored().count == 38)
  }

  @Test("A key deleted while the handover is on its way to the disk stays deleted")
  func deletedWhilePreparing() throws {
    let (source, target) = try prepared(smallSteps)
    _ = source.handle(.prepare(after))
    source.flush()
    _ = source.execute(.delete(condition: .none), moving[0])
    source.flush()
    try source.commit(1)
    let targets = [Principal.canister(number: 2): target]
    // The copy begins and sees the key, whose deletion is not durable yet.
    source.advance()
    for chunk in source.takeSent() { _ = target.ask(chunk.event) }
    try source.commit()
    let restarted = try source.restarted(limits: smallSteps)
    try finish(restarted, targets, after)
    #expect(try target.get(moving[0]) == nil)
    #expect(try target.get(moving[1]) != nil)
  }

  @Test("Once the handover ends, whatever its end, no tombstone is left", arguments: [true, false])
  func tombstonesGo(isAborted: Bool) throws {
    let (source, target) = try prepared(smallSteps)
    let staying = NodeBench.keys(of: 1, in: after, count: 1)[0]
    _ = try source.put("stays", staying)
    try #require(source.ask(.prepare(after)).succeeded)
    _ = try source.run(.delete(condition: .none), staying)
    _ = try source.run(.delete(condition: .none), moving[0])
    #expect(try source.stored().contains { $0.record.value == nil })
    if isAborted {
      #expect(source.ask(.abort(epoch: 2)).succeeded)
    } else {
      try finish(source, [.canister(number: 2): target], after)
    }
    try source.settle()
    try target.settle()
    #expect(try !source.stored().contains { $0.record.value == nil })
    #expect(try !target.stored().contains { $0.record.value == nil })
  }

  @Test("A handover that an older program began cannot go on: it has to be aborted")
  func olderProgram() throws {
    let (source, _) = try prepared(smallSteps)
    try #require(source.ask(.prepare(after)).succeeded)
    var batch = WriteBatch()
    batch.delete(StoreLayout.checkpoint)
    try source.engine.commit(batch)
    let restarted = try source.restarted()
    #expect(restarted.machine.handoverStatus?.phase == "failed")
    #expect(restarted.ask(.fence(epoch: 2)).code == .staleEpoch)
    #expect(restarted.ask(.abort(epoch: 2)).succeeded)
    #expect(restarted.machine.handoverStatus == nil)
  }

  @Test("A target that comes back at another address gets the chunks there")
  func targetMoves() throws {
    let (source, target) = try prepared(smallSteps)
    try #require(source.ask(.prepare(after)).succeeded)
    try source.settle()
    let lost = source.takeSent()
    var moved = after
    moved.addresses[.canister(number: 2)] = "moved:2"
    moved.revision += 1
    #expect(source.ask(.prepare(moved)).succeeded)
    for chunk in lost {
      source.peerReplied(chunk.message, .failure(ClusterError(.overloaded, "gone")))
    }
    source.now.monotonic += 1_000
    try source.settle()
    #expect(source.lastAddress == "moved:2")
    let other = try NodeBench.ring(1).joining([(.canister(number: 7), "node:7")], epoch: 2)
    #expect(source.ask(.prepare(other)).code == .conflict)
    try finish(source, [.canister(number: 2): target], moved)
  }

  @Test("A copy keeps to the rate it is allowed")
  func rate() throws {
    var limits = smallSteps
    limits.handoverBytesPerSecond = 1_000
    let (source, target) = try prepared(limits)
    try #require(source.ask(.prepare(after)).succeeded)
    let start = source.now.monotonic
    var sent = 0
    for _ in 0..<100_000 where source.machine.handoverStatus?.phase == "copying" {
      source.advance()
      for chunk in source.takeSent() {
        guard case .migrate(let migration) = chunk.event else { throw Unexpected() }
        sent += migration.data.count
        source.peerReplied(chunk.message, target.ask(chunk.event))
      }
      source.now.monotonic += 5
    }
    let elapsed = Int(source.now.monotonic - start)
    #expect(sent > 1_000 && elapsed >= sent - 500 && elapsed <= 2 * sent)
    let progress = try #require(source.machine.handoverStatus?.progress)
    #expect(progress.scannedKeys == 40 && progress.keys == 40)
    #expect(progress.sentBytes == UInt64(sent) && progress.expectedBytes == UInt64(sent))
    #expect((500...2_000).contains(progress.bytesPerSecond))
  }

  @Test("However slow a copy may be, it never pauses for so long that it seems to stall")
  func longestPause() {
    var pace = CopyPace()
    for _ in 0..<3 { pace.sent(16 << 20, perSecond: 1, at: 1_000) }
    #expect(!pace.mayGoOn(at: 1_000 + CopyPace.longestPause - 1))
    #expect(pace.mayGoOn(at: 1_000 + CopyPace.longestPause))
    pace.sent(.max, perSecond: 0, at: 30_000)
    #expect(pace.mayGoOn(at: 30_000))
  }

  @Test("Defect 8 of the original: a member that leaves hands its keys to those that stay")
  func leave() throws {
    let map = try NodeBench.ring(3)
    let left = try map.leaving([.canister(number: 1)], epoch: 4)
    let nodes = try (1...3).map { try NodeBench.member(UInt64($0), of: map) }
    let keys = (0..<60).map { Array("key \($0)".utf8) }
    for key in keys {
      let owner = try #require(map.owner(of: key)?.canisterNumber)
      _ = try nodes[Int(owner) - 1].put("value", key)
    }
    let owned = try nodes[0].stored().count
    for index in [1, 2, 0] { #expect(nodes[index].ask(.prepare(left)).succeeded) }
    let targets = [Principal.canister(number: 2): nodes[1], .canister(number: 3): nodes[2]]
    // Those that stay have nothing to send, and need no fence.
    for node in nodes[1...] {
      #expect(node.machine.handover?.isOutgoing == false && node.takeSent().isEmpty)
      let number = try #require(node.machine.identity?.canisterNumber)
      _ = try node.put("served", NodeBench.keys(of: number, in: map, count: 1)[0])
    }
    try finish(nodes[0], targets, left)
    for node in nodes { try node.settle() }
    #expect(try nodes[0].stored().count == owned && !nodes[0].machine.isPurging)
    #expect(left.hasLeft(.canister(number: 1)) && !left.hasLeft(.canister(number: 2)))
    #expect(!map.hasLeft(.canister(number: 1)))
    guard case .elsewhere = try nodes[0].run(.get, keys[0]) else { throw Unexpected() }
    for key in keys {
      let owner = try #require(left.owner(of: key)?.canisterNumber)
      #expect(try nodes[Int(owner) - 1].get(key)?.value != nil)
    }
    #expect(try nodes[1].stored().count + nodes[2].stored().count == 60)
  }
}
