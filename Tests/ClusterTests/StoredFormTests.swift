import Candid
import Foundation
import Placement
import Testing

@testable import Cluster

/// A value whose bytes are stored or sent, and the file of vectors holds them under its name.
struct StoredFormSample: Sendable, CustomTestStringConvertible {
  let name: String
  let encode: @Sendable () throws -> [UInt8]
  /// Reads the bytes and writes what was read.
  let copy: @Sendable ([UInt8]) throws -> [UInt8]

  var testDescription: String { name }

  init<Value: CandidConvertible>(_ name: String, _ make: @escaping @Sendable () throws -> Value) {
    self.name = name
    encode = {
      let value = try make()
      return try CandidArguments.encode(value)
    }
    copy = { bytes in
      let value = try CandidArguments.decode(bytes, as: Value.self)
      return try CandidArguments.encode(value)
    }
  }
}

/// Nodes keep their state for years and talk to nodes of other versions: these bytes must never
/// change.
@Suite struct StoredFormTests {
  private static let node = Principal.canister(number: 3)

  private static func map() throws -> ClusterMap {
    var map = try NodeBench.ring(3)
    map.addresses[.canister(number: 2)] = nil
    map.coordinator = "gateway:80"
    map.revision = 300
    return map
  }

  private static func coordinatorState(_ change: Bool) throws -> CoordinatorState {
    var state = try CoordinatorState.fresh(hashKey: NodeBench.hashKey, capacity: 16)
    guard change else { return state }
    state.map = try map()
    state.nextNumber = 5
    state.nextEpoch = .max
    state.isBootstrapped = true
    state.moduleDigest = Array(0..<32)
    state.isModuleRolling = true
    state.change = CoordinatorState.Change(
      joining: [node], leaving: [], epoch: 4, isDecided: true)
    state.departed = [.canister(number: 4), .anonymous]
    return state
  }

  private static func mapWithModules() throws -> ClusterMap {
    var map = try map()
    map.modules = [Array(0..<32), Array(32..<64)]
    return map
  }

  private static func coordinatorRolling() throws -> CoordinatorState {
    var state = try coordinatorState(true)
    state.map = try mapWithModules()
    state.previousModuleDigest = Array(32..<64)
    return state
  }

  private static func coordinatorRestarting() throws -> CoordinatorState {
    var state = try coordinatorState(true)
    var restarts = RollingRestart([node, .canister(number: 1)])
    restarts.done = 1
    restarts.incarnation = .max
    state.restarts = restarts
    return state
  }

  private static func coordinatorRestarted() throws -> CoordinatorState {
    var state = try coordinatorState(false)
    state.restarts = RollingRestart([node])
    state.restarts?.isEnded = true
    state.restarts?.failure = "why"
    return state
  }

  private static func info(_ status: NodeStatus, _ handover: HandoverStatus?) -> NodeInfo {
    NodeInfo(
      allNodes: ["a", "", "ü"], previousNode: node, nextNode: nil, status: status,
      cyclesBalance: 1 << 40, node: .canister(number: 1), size: 1, bytes: 2, epoch: 3, revision: 4,
      ringDigest: "00ff", requestsPerSecond: 1.5, moduleSHA256: "ab", version: "1.0",
      durability: "fsync", isPurging: true, handover: handover, incarnation: .max, processID: 8)
  }

  private static let stored = [
    StoredFormSample("cluster_map") { try map() },
    StoredFormSample("cluster_map_founding") {
      try ClusterMap.founding(node, address: nil, hashKey: HashKey(9, 8, 7, .max), capacity: 1)
    },
    StoredFormSample("cluster_map_left") {
      let ring = try map().ring.leaving(MemberID(bytes: node.bytes), epoch: 9)
      return try ClusterMap(ring: ring, revision: 1, addresses: [:])
    },
    StoredFormSample("cluster_map_modules") { try mapWithModules() },
    StoredFormSample("coordinator_rolling") { try coordinatorRolling() },
    StoredFormSample("coordinator_restarting") { try coordinatorRestarting() },
    StoredFormSample("coordinator_restarted") { try coordinatorRestarted() },
    StoredFormSample("coordinator_fresh") { try coordinatorState(false) },
    StoredFormSample("coordinator_changing") { try coordinatorState(true) },
    StoredFormSample("handover_fenced") { HandoverRecord(next: try map(), isFenced: true) },
    StoredFormSample("handover_open") { HandoverRecord(next: try map(), isFenced: false) },
  ]

  private static let sent = [
    StoredFormSample("event_created") { CanisterManagerEvent.nodeCreated("rrkah") },
    StoredFormSample("event_deleted") { CanisterManagerEvent.nodeDeleted("") },
    StoredFormSample("event_migrate") {
      CanisterManagerEvent.migrate(Migration(data: [1, 2], epoch: 4, from: node))
    },
    StoredFormSample("event_migrate_original") {
      CanisterManagerEvent.migrate(Migration(data: [], epoch: nil, from: nil))
    },
    StoredFormSample("event_prepare") { CanisterManagerEvent.prepare(try map()) },
    StoredFormSample("event_fence") { CanisterManagerEvent.fence(epoch: .max) },
    StoredFormSample("event_ring_changed") { CanisterManagerEvent.ringChanged(try map()) },
    StoredFormSample("event_abort") { CanisterManagerEvent.abort(epoch: 0) },
    StoredFormSample("init") {
      InitCanisterManagerParam(
        args: InstallArgs(allNodes: ["a", "b"], node: node, map: try map()))
    },
    StoredFormSample("init_bare") {
      InitCanisterManagerParam(args: InstallArgs(allNodes: [], node: nil, map: nil))
    },
    StoredFormSample("init_empty") { InitCanisterManagerParam(args: nil) },
    StoredFormSample("wasm_last") {
      WasmInitArgs(position: 2, chunk: [0, 0x61], offset: 9, sha256: Array(0..<32))
    },
    StoredFormSample("wasm_last_for_all") {
      WasmInitArgs(
        position: 2, chunk: [0, 0x61], offset: 0, sha256: Array(0..<32), candid: "service : {}",
        force: true, stubImports: false)
    },
    StoredFormSample("wasm_last_of_coordinator") {
      WasmInitArgs(
        position: 2, chunk: [0, 0x61], offset: 9, sha256: Array(0..<32), distribute: false,
        revision: 300)
    },
    StoredFormSample("wasm_first") {
      WasmInitArgs(position: 0, chunk: [], offset: nil, sha256: nil)
    },
    StoredFormSample("result_elsewhere") { NodeResult<String>.nodeID(node) },
    StoredFormSample("result") { NodeResult<String>.result("value") },
    StoredFormSample("result_optional") { NodeResult<UInt64?>.result(7) },
    StoredFormSample("info") {
      info(
        .ready, HandoverStatus(epoch: 4, phase: "copying", sentKeys: 5, backlog: 6, progress: nil))
    },
    StoredFormSample("info_initialized") { info(.initialized, nil) },
    StoredFormSample("info_error") { info(.error(.broadcast("b")), nil) },
    StoredFormSample("info_shut_down") { info(.shutDown, nil) },
    StoredFormSample("info_migrating") { info(.migrating, nil) },
    StoredFormSample("info_scale_up") { info(.error(.scaleUp("s")), nil) },
    StoredFormSample("info_scale_down") { info(.scaleDown, nil) },
  ]

  @Test("Stored and sent values keep their bytes, and are read from them", arguments: stored + sent)
  func bytes(_ sample: StoredFormSample) throws {
    let known = try #require(try Self.known()[sample.name])
    let encoded = try sample.encode()
    #expect(hexadecimal(encoded) == known)
    #expect(try sample.copy(encoded) == encoded)
  }

  @Test("What older programs stored and sent is read as the same values")
  func olderPrograms() throws {
    for (name, hex) in try Self.lines(of: "older-forms") {
      let sample = try #require((Self.stored + Self.sent).first { $0.name == name })
      #expect(try sample.copy(bytes(hex)) == sample.encode(), "\(name)")
    }
  }

  @Test("Every vector of the file has its value here")
  func vectors() throws {
    let names = (Self.stored + Self.sent).map(\.name)
    #expect(try Set(Self.known().keys) == Set(names))
  }

  /// The coordinator's state as another program would have written it.
  private func state(
    changing change: ([CandidFieldValue]) -> [CandidFieldValue]
  ) throws -> CoordinatorState {
    guard case .record(let fields) = try Self.coordinatorState(true).candidValue else {
      throw ClusterError(.malformed, "a state is a record")
    }
    return try CoordinatorState(encoded: CandidBinary.encode([.record(change(fields))]))
  }

  @Test("A state stored before undone joins were kept, or by a program with more fields, is read")
  func otherPrograms() throws {
    var known = try Self.coordinatorState(true)
    let more = CandidFieldValue("added_later", .text("x"))
    #expect(try state { ($0 + [more]).sorted { $0.label < $1.label } } == known)
    known.departed = []
    #expect(try state { $0.filter { $0.label != "undone" } } == known)
  }

  @Test("A state of a later format is refused, and the format named")
  func laterFormat() throws {
    #expect {
      _ = try state {
        $0.map { $0.label == "format" ? CandidFieldValue("format", .nat8(2)) : $0 }
      }
    } throws: {
      guard let error = $0 as? ClusterError else { return false }
      return error.code == .corruption && error.message.contains("format 2")
    }
  }

  /// The bytes in hexadecimal, by name.
  private static func known() throws -> [String: String] {
    Dictionary(uniqueKeysWithValues: try lines(of: "stored-forms"))
  }

  /// Names and bytes in hexadecimal; a name may have the forms of several programs.
  private static func lines(of file: String) throws -> [(String, String)] {
    let url = try #require(
      Bundle.module.url(
        forResource: file, withExtension: "txt", subdirectory: "Vectors"))
    return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map { line in
      let words = line.split(separator: " ")
      return (String(words[0]), String(words[words.count - 1]))
    }
  }

  private func bytes(_ hex: String) -> [UInt8] {
    stride(from: 0, to: hex.utf8.count, by: 2).compactMap { offset in
      UInt8(hex.dropFirst(offset).prefix(2), radix: 16)
    }
  }

  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
