import Candid
import Placement
import Storage
import Testing

@testable import Cluster

/// Keys on their way from node 1 to node 2, which joins at epoch 2.
@Suite struct HandoverTests {
  let before: ClusterMap
  let after: ClusterMap
  let moving: [[UInt8]]
  let staying: [[UInt8]]

  init() throws {
    before = try NodeBench.ring(1)
    after = try NodeBench.ring(2)
    moving = NodeBench.keys(of: 2, in: after, count: 10)
    staying = NodeBench.keys(of: 1, in: after, count: 10)
  }

  /// Both nodes, prepared; the source has values under all keys.
  private func prepared(
    _ limits: NodeMachine.Limits = NodeMachine.Limits()
  ) throws -> (source: NodeBench, target: NodeBench) {
    let source = try NodeBench.member(1, of: before, limits: limits)
    let target = try NodeBench.member(2, of: before)
    for key in moving + staying { _ = try source.put("copied", key) }
    try #require(target.ask(.prepare(after)).succeeded)
    try #require(source.ask(.prepare(after)).succeeded)
    return (source, target)
  }

  /// Carries chunks over until the source has nothing more to send.
  private func transfer(from source: NodeBench, to target: NodeBench) throws {
    for _ in 0..<1_000 {
      try source.settle()
      let chunks = source.takeSent()
      if chunks.isEmpty { return }
      for chunk in chunks {
        #expect(chunk.to == .canister(number: 2))
        source.peerReplied(chunk.message, target.ask(chunk.event))
      }
    }
    Issue.record("the copy never ends")
  }

  private func put(_ text: String) -> KeyCommand {
    .put(value: Array(text.utf8), ttl: nil, condition: .none)
  }

  @Test("A handover moves the keys of the new owner with their versions, and only them")
  func handover() throws {
    let (source, target) = try prepared()
    var records: [[UInt8]: Record] = [:]
    for key in moving { records[key] = try source.get(key) }
    try transfer(from: source, to: target)
    #expect(source.machine.handoverStatus?.phase == "copied")
    guard case .elsewhere = try target.run(.get, moving[0]) else { throw Unexpected() }
    let fence = source.handle(.fence(epoch: 2))
    try transfer(from: source, to: target)
    #expect(source.response(fence)?.succeeded == true)
    #expect(target.ask(.ringChanged(after)).succeeded)
    #expect(source.ask(.ringChanged(after)).succeeded)
    for key in moving {
      #expect(try target.get(key) == records[key])
      guard case .elsewhere(.canister(number: 2), _) = try source.run(.get, key) else {
        throw Unexpected()
      }
    }
    for node in [source, target] {
      #expect(!node.machine.isPurging && node.machine.handoverStatus == nil)
      #expect(try node.recount().keys == 10)
      #expect(try node.machine.statistics == node.recount())
    }
    #expect(try target.put("later", moving[0]) > #require(records[moving[0]]).version)
  }

  @Test("What changes during the copy is sent again, deletions and expiries included")
  func changesDuringCopy() throws {
    var limits = NodeMachine.Limits()
    limits.sliceEntries = 3
    limits.chunkEntries = 2
    let (source, target) = try prepared(limits)
    for (index, key) in moving.enumerated() {
      try source.settle()
      switch index % 3 {
      case 0: _ = try source.put("changed", key)
      case 1: _ = try source.run(.delete(condition: .none), key)
      default: _ = try source.run(.put(value: [1], ttl: .milliseconds(5), condition: .none), key)
      }
      for chunk in source.takeSent() {
        source.peerReplied(chunk.message, target.ask(chunk.event))
      }
    }
    source.now.wall += 10
    source.now.monotonic += 1_000
    try transfer(from: source, to: target)
    _ = source.handle(.fence(epoch: 2))
    try transfer(from: source, to: target)
    try #require(target.ask(.ringChanged(after)).succeeded)
    for (index, key) in moving.enumerated() {
      #expect(try target.get(key)?.value == (index % 3 == 0 ? Array("changed".utf8) : nil))
    }
    #expect(try target.stored().allSatisfy { $0.record.value != nil })
    #expect(try target.machine.statistics == target.recount())
  }

  @Test("Behind the fence requests for moving keys wait, others do not, and none is lost")
  func fence() throws {
    let (source, target) = try prepared()
    try transfer(from: source, to: target)
    let early = source.execute(put("early"), moving[0])
    source.flush()
    let fence = source.handle(.fence(epoch: 2))
    let held = source.execute(put("held"), moving[1])
    let read = source.execute(.get, moving[0])
    let other = source.execute(put("other"), staying[0])
    source.advance()
    source.flush()
    #expect(source.response(fence) == nil)
    try transfer(from: source, to: target)
    #expect(source.reply(early)?.created == false && source.reply(other)?.created == false)
    #expect(source.reply(held) == nil && source.reply(read) == nil)
    #expect(source.response(fence)?.succeeded == true)
    #expect(source.ask(.fence(epoch: 2)).succeeded)
    #expect(try target.stored().contains { $0.record.value == Array("early".utf8) })
    _ = target.ask(.ringChanged(after))
    _ = source.ask(.ringChanged(after))
    for ticket in [held, read] {
      guard case .elsewhere(.canister(number: 2), _)? = source.reply(ticket) else {
        throw Unexpected()
      }
    }
  }

  @Test("Held requests are bounded, and refused when they have waited for too long")
  func heldRequests() throws {
    var limits = NodeMachine.Limits()
    limits.heldRequests = 3
    limits.heldMilliseconds = 100
    let (source, target) = try prepared(limits)
    try transfer(from: source, to: target)
    _ = source.handle(.fence(epoch: 2))
    try transfer(from: source, to: target)
    let first = source.execute(put("x"), moving[0])
    source.now.monotonic += 60
    let later = [source.execute(.get, moving[1]), source.execute(.get, moving[2])]
    let excess = source.execute(.get, moving[3])
    #expect(source.reply(excess)?.refusal == .overloaded)
    source.now.monotonic += 40
    source.advance()
    #expect(source.reply(first)?.refusal == .overloaded)
    #expect(later.allSatisfy { source.reply($0) == nil })
    #expect(source.ask(.abort(epoch: 2)).succeeded)
    #expect(later.allSatisfy { source.reply($0)?.version != nil })
    #expect(try source.get(moving[0])?.value == Array("copied".utf8))
  }

  @Test("Held requests are bounded in bytes")
  func heldBytes() throws {
    var limits = NodeMachine.Limits()
    limits.heldBytes = 250
    limits.heldMilliseconds = 100
    let source = try NodeBench.member(1, of: before, limits: limits)
    try #require(source.ask(.prepare(after)).succeeded)
    _ = source.handle(.fence(epoch: 2))
    let large = put(String(repeating: "x", count: 100))
    for _ in 0..<3 {
      let held = [source.execute(large, moving[0]), source.execute(large, moving[1])]
      let excess = source.execute(large, moving[2])
      #expect(source.reply(excess)?.refusal == .overloaded)
      #expect(held.allSatisfy { source.reply($0) == nil })
      source.now.monotonic += 100
      source.advance()
      #expect(held.allSatisfy { source.reply($0)?.refusal == .overloaded })
    }
  }

  @Test("A request that is held does not see a value that expired before it came")
  func heldRequestsAndTime() throws {
    let source = try NodeBench.member(1, of: before)
    _ = try source.run(.put(value: [1], ttl: .milliseconds(50), condition: .none), moving[0])
    try #require(source.ask(.prepare(after)).succeeded)
    _ = source.handle(.fence(epoch: 2))
    source.now.wall += 50
    let held = source.execute(.get, moving[0])
    let abort = source.handle(.abort(epoch: 2))
    source.flush()
    try source.commit()
    #expect(source.response(abort)?.succeeded == true)
    #expect(source.reply(held)?.isMissing == true)
  }

  @Test("A held request whose client stops waiting is refused then, and nothing of it is done")
  func heldRequestsAndDeadlines() throws {
    let (source, target) = try prepared()
    try transfer(from: source, to: target)
    _ = source.handle(.fence(epoch: 2))
    let patient = source.execute(put("patient"), moving[0])
    let hasty = source.execute(put("hasty"), moving[1])
    source.machine.limit(ticket: hasty, to: source.now.monotonic + 5)
    source.now.monotonic += 5
    _ = source.machine.advance(now: source.now)
    source.flush()
    #expect(source.reply(hasty)?.refusal == .deadlineExceeded)
    #expect(source.reply(patient) == nil)
    let late = source.execute(put("late"), moving[2])
    source.machine.limit(ticket: late, to: source.now.monotonic + 5)
    source.now.monotonic += 5
    #expect(source.ask(.abort(epoch: 2)).succeeded && target.ask(.abort(epoch: 2)).succeeded)
    #expect(source.reply(late)?.refusal == .deadlineExceeded)
    #expect(source.reply(patient)?.created == false)
  }

  @Test("An abort lets held requests go on at the source and leaves no trace at either side")
  func abort() throws {
    let (source, target) = try prepared()
    try transfer(from: source, to: target)
    let fence = source.handle(.fence(epoch: 2))
    let held = source.execute(put("held"), moving[0])
    #expect(source.ask(.abort(epoch: 2)).succeeded && target.ask(.abort(epoch: 2)).succeeded)
    #expect(source.response(fence)?.code == .conflict)
    #expect(source.reply(held)?.created == false)
    for node in [source, target] {
      try node.settle()
      #expect(node.machine.handoverStatus == nil && !node.machine.isPurging)
      #expect(try node.engine.get(StoreLayout.handover) == nil)
      #expect(try node.engine.get(StoreLayout.purge) == nil)
      #expect(try node.machine.statistics == node.recount())
    }
    #expect(try source.recount().keys == 20 && target.recount().keys == 0)
    #expect(source.ask(.abort(epoch: 2)).succeeded)
    // The next attempt, at a later epoch, works.
    let retry = try before.joining([(.canister(number: 2), "node:2")], epoch: 3)
    #expect(target.ask(.prepare(retry)).succeeded && source.ask(.prepare(retry)).succeeded)
    try transfer(from: source, to: target)
    #expect(try target.recount().keys == 10)
  }

  @Test("Defect 2 of the original: a late chunk undoes no newer write and brings nothing back")
  func lateChunks() throws {
    let (source, target) = try prepared()
    try source.settle()
    let chunks = source.takeSent()
    _ = try source.put("newer", moving[0])
    _ = try source.run(.delete(condition: .none), moving[1])
    // The chunks arrive, but no answer to them; they come again after the later changes.
    for chunk in chunks { #expect(target.ask(chunk.event).succeeded) }
    for chunk in chunks { source.peerReplied(chunk.message) }
    try transfer(from: source, to: target)
    for chunk in chunks { #expect(target.ask(chunk.event).succeeded) }
    _ = source.handle(.fence(epoch: 2))
    try transfer(from: source, to: target)
    try #require(target.ask(.ringChanged(after)).succeeded)
    #expect(chunks.allSatisfy { target.ask($0.event).code == .staleEpoch })
    #expect(try target.get(moving[0])?.value == Array("newer".utf8))
    #expect(try target.get(moving[1]) == nil)
    #expect(try target.machine.statistics == target.recount())
  }

  @Test("A chunk without an answer is sent again, the same, with a growing pause")
  func resentChunks() throws {
    let (source, _) = try prepared()
    try source.settle()
    let first = try #require(source.takeSent().first)
    var pauses: [UInt64] = []
    for _ in 0..<8 {
      source.peerReplied(first.message, .failure(ClusterError(.overloaded, "no answer")))
      let start = source.now.monotonic
      for _ in 0..<2_000 {
        source.advance()
        guard source.takeSent().contains(where: { $0.message == first.message }) else {
          source.now.monotonic += 1
          continue
        }
        break
      }
      pauses.append(source.now.monotonic - start)
    }
    #expect(pauses == pauses.sorted() && pauses[0] >= 20 && pauses[7] == 1_000)
  }

  @Test(
    "Defect 4 of the original: chunks that are malformed or not expected are refused as a whole")
  func refusedChunks() throws {
    let (_, target) = try prepared()
    var chunk = TransferChunk.start()
    TransferChunk.append(
      key: moving[0], record: Record(version: Version(1), value: [1]), to: &chunk)
    func ask(_ data: [UInt8], epoch: UInt64?) -> ClusterError.Code? {
      target.ask(.migrate(Migration(data: data, epoch: epoch, from: nil))).code
    }
    #expect(ask(chunk, epoch: 1) == .staleEpoch)
    #expect(ask(chunk, epoch: nil) == .staleEpoch)
    #expect(ask(Array(chunk.dropLast()), epoch: 2) != nil)
    var foreign = chunk
    TransferChunk.append(
      key: staying[0], record: Record(version: Version(1), value: [1]), to: &foreign)
    #expect(ask(foreign, epoch: 2) == .malformed)
    #expect(try target.recount().keys == 0)
    #expect(ask(chunk, epoch: 2) == nil)
    #expect(try target.recount().keys == 1)
  }

  @Test("A copy that chases a busy writer ends none the less")
  func chase() throws {
    var limits = NodeMachine.Limits()
    limits.fenceBacklog = 2
    limits.chunkEntries = 4
    let (source, target) = try prepared(limits)
    for round in 0..<200 where source.machine.handoverStatus?.phase == "copying" {
      for key in moving { source.execute(put("\(round)"), key) }
      source.advance()
      source.flush()
      try source.commit()
      for chunk in source.takeSent() {
        source.peerReplied(chunk.message, target.ask(chunk.event))
      }
    }
    #expect(source.machine.handoverStatus?.phase == "copied")
  }

  @Test("A fenced source and a target that restart stay what they were")
  func restartWhileFenced() throws {
    let (source, target) = try prepared()
    try transfer(from: source, to: target)
    _ = source.handle(.fence(epoch: 2))
    try transfer(from: source, to: target)
    let fenced = try source.restarted()
    let held = fenced.execute(.get, moving[0])
    #expect(fenced.reply(held) == nil)
    #expect(fenced.ask(.fence(epoch: 2)).succeeded)
    let receiver = try target.restarted()
    #expect(receiver.ask(.ringChanged(after)).succeeded)
    #expect(fenced.ask(.ringChanged(after)).succeeded)
    #expect(try receiver.get(moving[0])?.value == Array("copied".utf8))
    // The purge, too, survives.
    #expect(try fenced.restarted().recount().keys == 10)
  }

  @Test("A fence is reported when it is stored, also when the disk refuses at first")
  func fenceAndFailingDisk() throws {
    let (source, target) = try prepared()
    try transfer(from: source, to: target)
    let refused = source.execute(put("refused"), moving[0])
    let fence = source.handle(.fence(epoch: 2))
    try source.failCommits()
    source.advance()
    source.flush()
    #expect(source.response(fence) == nil && source.reply(refused)?.refusal == .noSpace)
    try source.failCommits()
    #expect(source.response(fence) == nil)
    try transfer(from: source, to: target)
    #expect(source.response(fence)?.succeeded == true)
    #expect(try source.restarted().machine.handoverStatus?.phase == "fenced")
  }
}
