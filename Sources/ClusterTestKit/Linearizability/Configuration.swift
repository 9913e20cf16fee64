/// One way in which a history can have gone up to an instant.
struct Configuration {
  var state = KeyState.missing
  /// The operations under way that have taken effect.
  var mask: UInt64 = 0
  /// How many operations of each kind of the pool may still take effect.
  var doubts: [UInt16] = []

  mutating func gain(_ kind: Int, _ count: UInt16 = 1) {
    while doubts.count <= kind { doubts.append(0) }
    doubts[kind] += min(count, .max - doubts[kind])
  }

  /// What is left of one kind counts as another from here on, or as nothing.
  mutating func exchange(_ kind: Int, for successor: Int?) {
    guard doubts.indices.contains(kind), doubts[kind] > 0 else { return }
    let count = doubts[kind]
    doubts[kind] = 0
    if let successor { gain(successor, count) }
  }

  /// Whether this one can go on in every way in which `other` can.
  func covers(_ other: Configuration) -> Bool {
    guard mask == other.mask, state.value == other.state.value,
      state.version == other.state.version, state.floor <= other.state.floor,
      state.expiresAfter == other.state.expiresAfter,
      state.expiresBefore == other.state.expiresBefore
    else { return false }
    for kind in other.doubts.indices where other.doubts[kind] > 0 {
      guard kind < doubts.count, doubts[kind] >= other.doubts[kind] else { return false }
    }
    return true
  }
}

/// Configurations of which none covers another.
struct ConfigurationSet {
  private(set) var elements: [Configuration] = []
  /// The places of the elements by what has to be equal, once there are many.
  private var places: [Core: [Int]] = [:]
  private static let few = 16

  private struct Core: Hashable {
    var mask: UInt64
    var value: UInt64?
    var version: UInt64?

    init(_ configuration: Configuration) {
      mask = configuration.mask
      value = configuration.state.value
      version = configuration.state.version
    }
  }

  var isEmpty: Bool { elements.isEmpty }

  /// The version that later writes exceed, in all of them.
  var lowestFloor: UInt64 { elements.reduce(.max) { min($0, $1.state.floor) } }

  /// Returns whether the configuration adds something; it may replace one that it covers.
  @discardableResult
  mutating func insert(_ configuration: Configuration) -> Bool {
    if elements.count < ConfigurationSet.few {
      for index in elements.indices {
        if elements[index].covers(configuration) { return false }
        if configuration.covers(elements[index]) {
          elements[index] = configuration
          return true
        }
      }
      elements.append(configuration)
      return true
    }
    if places.isEmpty {
      for (index, element) in elements.enumerated() {
        places[Core(element), default: []].append(index)
      }
    }
    let core = Core(configuration)
    for index in places[core] ?? [] {
      if elements[index].covers(configuration) { return false }
      if configuration.covers(elements[index]) {
        elements[index] = configuration
        return true
      }
    }
    places[core, default: []].append(elements.count)
    elements.append(configuration)
    return true
  }

  /// Changes all elements in the same way, one that keeps them apart or lets one cover another.
  mutating func update(_ change: (inout Configuration) -> Void) {
    let before = elements
    elements = []
    places = [:]
    for var configuration in before {
      change(&configuration)
      insert(configuration)
    }
  }
}

/// The operations whose outcome is unknown, by kind: those of one kind are as good as each other.
struct DoubtPool {
  /// One operation of each kind.
  private(set) var kinds: [KeyOperation] = []
  private var index: [KeyOperation: Int] = [:]
  /// The kinds whose condition names a version that may still stand.
  private var conditional: [Int] = []
  /// The last time, by operations that return, at which somebody reads the value.
  private var lastRead: [UInt64: UInt64] = [:]
  private let countsValues: Bool
  private let hasExpiry: Bool
  /// Stands for every value that nobody reads.
  private var unread = UInt64.max

  init(_ operations: [KeyOperation]) {
    var written: Set<UInt64> = []
    var counts = false
    var expires = false
    for operation in operations {
      if case .value(let value, _) = operation.outcome {
        lastRead[value] = max(lastRead[value] ?? 0, operation.returned)
      }
      switch operation.command {
      case .put(let value, let ttl, _):
        written.insert(value)
        if ttl != nil { expires = true }
      case .increment: counts = true
      case .get, .delete: break
      }
    }
    countsValues = counts
    hasExpiry = expires
    while written.contains(unread) || lastRead[unread] != nil { unread -= 1 }
  }

  /// The kind of an operation that is sent now; nil when it cannot have an effect any more.
  mutating func add(_ operation: KeyOperation, floor: UInt64) -> Int? {
    if let version = operation.command.namedVersion {
      guard version >= floor else { return nil }
      let place = kind(of: normal(operation, isRead: { lastRead[$0] != nil }))
      if !conditional.contains(place) { conditional.append(place) }
      return place
    }
    return kind(of: normal(operation, isRead: { lastRead[$0] != nil }))
  }

  /// The kinds that turn into others, or into nothing, once `operation` has returned and all later
  /// writes exceed the version `floor`.
  mutating func retire(
    after operation: KeyOperation, floor: UInt64
  ) -> [(kind: Int, successor: Int?)] {
    var retired: [(kind: Int, successor: Int?)] = []
    conditional.removeAll { place in
      guard let version = kinds[place].command.namedVersion, version < floor else { return false }
      retired.append((place, nil))
      return true
    }
    guard case .value(let value, _) = operation.outcome, lastRead[value] == operation.returned,
      !countsValues
    else { return retired }
    for old in kinds.indices {
      guard case .put(value, _, _) = kinds[old].command else { continue }
      retired.append((old, kind(of: normal(kinds[old], isRead: { _ in false }))))
    }
    return retired
  }

  private mutating func kind(of operation: KeyOperation) -> Int {
    if let known = index[operation] { return known }
    index[operation] = kinds.count
    kinds.append(operation)
    return kinds.count - 1
  }

  /// The operation without what makes no difference.
  private func normal(_ operation: KeyOperation, isRead: (UInt64) -> Bool) -> KeyOperation {
    var normal = operation
    normal.returned = 0
    if !hasExpiry { normal.invoked = 0 }
    if !countsValues, case .put(let value, let ttl, let condition) = operation.command,
      !isRead(value)
    {
      normal.command = .put(value: unread, ttl: ttl, condition: condition)
    }
    return normal
  }
}

extension KeyOperation.Command {
  /// The version that must stand for the command to act.
  fileprivate var namedVersion: UInt64? {
    switch self {
    case .put(_, _, .version(let version)), .delete(.version(let version)): version
    default: nil
    }
  }
}
