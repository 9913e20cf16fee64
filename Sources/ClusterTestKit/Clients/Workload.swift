import Cluster

/// The keys of a run, what is asked of each, and what came of it.
final class Workload {
  let keys: [[UInt8]]
  /// Counters are only counted and read; the others are written in every way.
  private let counters: Int
  private(set) var histories: [[KeyOperation]]
  /// The version that an answer has shown last, by key: what a careful client names in `if-match`.
  private var shown: [UInt64?]
  private var numbers: [UInt64?]
  private var nextValue: UInt64 = 0
  private(set) var operations = Counts()

  init(keys count: Int) {
    counters = (count + 1) / 3
    keys = (0..<count).map { [counters] index in
      Array((index < counters ? "counter/\(index)" : "register/\(index)").utf8)
    }
    histories = Array(repeating: [], count: count)
    shown = Array(repeating: nil, count: count)
    numbers = Array(repeating: nil, count: count)
  }

  func name(of key: Int) -> String { String(decoding: keys[key], as: UTF8.self) }

  // MARK: - Requests

  func randomKey(_ random: inout SplitMix64) -> Int {
    // Some keys are asked for more often, so that requests race.
    let bound = random.chance(0.3) ? max(1, keys.count / 4) : keys.count
    return Int(random.below(UInt64(bound))) * (keys.count / bound) % keys.count
  }

  func randomCommand(on key: Int, _ random: inout SplitMix64) -> KeyOperation.Command {
    if key < counters { return randomCount(key, &random) }
    var condition = KeyOperation.Condition.none
    switch random.below(8) {
    case 0: condition = .missing
    case 1: condition = .exists
    case 2, 3: if let version = shown[key] { condition = .version(version) }
    default: break
    }
    switch random.below(10) {
    case 0..<3: return .get
    case 3..<5: return .delete(condition: condition)
    default:
      nextValue += 1
      let ttl = random.chance(0.15) ? 50 + random.below(1_000) : nil
      return .put(value: nextValue << 16 | UInt64(key), ttl: ttl, condition: condition)
    }
  }

  private func randomCount(_ key: Int, _ random: inout SplitMix64) -> KeyOperation.Command {
    switch random.below(10) {
    case 0..<3: return .get
    case 3..<6: return .increment
    default:
      guard let version = shown[key], let number = numbers[key] else {
        return .put(value: 1, ttl: nil, condition: .missing)
      }
      return .put(value: number + 1, ttl: nil, condition: .version(version))
    }
  }

  /// What a node is asked. Values are longer than their number, by as much as it says.
  static func request(_ command: KeyOperation.Command) -> KeyCommand {
    switch command {
    case .get: .get
    case .put(let value, let ttl, let condition):
      .put(
        value: bytes(value), ttl: ttl.map { .milliseconds(Int64($0)) },
        condition: condition.request)
    case .delete(let condition): .delete(condition: condition.request)
    case .increment:
      .apply { record in
        .put(value: bytes((record?.value.flatMap(number) ?? 0) &+ 1), expiry: .never)
      }
    }
  }

  private static func bytes(_ number: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendBigEndian(number)
    return bytes + Array(repeating: 0x2e, count: Int(number % 40))
  }

  /// The number that a value stands for; nil when it is none that was written.
  private static func number(_ value: [UInt8]) -> UInt64? {
    guard value.count >= 8 else { return nil }
    let number = value.bigEndian(at: 0)
    return value == bytes(number) ? number : nil
  }

  // MARK: - Answers

  /// What an answer says in a history; nil when it says that nothing was done.
  func outcome(of reply: KeyReply) -> KeyOperation.Outcome? {
    switch reply {
    case .value(let record):
      // A damaged value is none that anybody wrote.
      .value(record.value.flatMap(Workload.number) ?? .max - 1, version: record.version.rawValue)
    case .missing: .missing
    case .stored(let version, let created):
      .stored(version: version.rawValue, created: created)
    case .deleted(let version): .deleted(version: version.rawValue)
    case .applied(let version): .incremented(version: version?.rawValue, value: nil)
    case .preconditionFailed(let current): .preconditionFailed(current: current?.rawValue)
    case .refused(let error) where error.code == .outcomeUnknown: .unknown
    case .refused, .elsewhere: nil
    }
  }

  func record(_ operation: KeyOperation, key: Int) {
    histories[key].append(operation)
    switch operation.outcome {
    case .notDone: return operations.add("refused")
    case .unknown: operations.add("without an answer")
    case .value(let value, let version):
      shown[key] = version
      numbers[key] = value
    case .stored(let version, _):
      shown[key] = version
      if case .put(let value, _, _) = operation.command { numbers[key] = value }
    case .missing, .deleted, .preconditionFailed, .incremented: break
    }
    switch operation.command {
    case .get: operations.add("get")
    case .put(_, _, .version): operations.add("compare-and-swap")
    case .put(_, nil, _): operations.add("put")
    case .put: operations.add("put with a time to live")
    case .delete: operations.add("delete")
    case .increment: operations.add("increment")
    }
  }
}

extension KeyOperation.Condition {
  fileprivate var request: KeyCommand.Condition {
    switch self {
    case .none: .none
    case .version(let version): .version(Version(version))
    case .exists: .exists
    case .missing: .missing
    }
  }
}
