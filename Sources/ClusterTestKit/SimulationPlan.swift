/// What decides a run: the same plan is the same run, event by event.
package struct SimulationPlan: Hashable, Sendable {
  package var seed: UInt64
  /// Kinds of faults that do not strike.
  package var without: Set<FaultKind> = []
  /// How long things go wrong, in simulated microseconds.
  package var faultyTime: UInt64 = 3_000_000
  package var clients = 6
  /// The most keys that are used; nil: as many as the seed says.
  package var mostKeys: Int?
  /// The wrong protocol to run, to see that it is found out.
  package var mutation: Mutation?

  package init(seed: UInt64, mutation: Mutation? = nil) {
    self.seed = seed
    self.mutation = mutation
  }

  /// Runs a cluster as the plan says.
  ///
  /// - Parameter isTraced: whether the report tells the last events in words, which takes time.
  package func run(isTraced: Bool = false) -> SimulationReport {
    SimulatedCluster(plan: self, isTraced: isTraced).run()
  }
}

/// How a run went.
package struct SimulationReport: Hashable, Sendable {
  package var plan: SimulationPlan
  /// The first promise that was broken, and when; nil when all were kept.
  package var violation: String?
  /// How long the run was, in simulated microseconds.
  package var simulatedTime: UInt64 = 0
  /// Requests of clients by kind.
  package var operations = Counts()
  /// Faults injected by kind.
  package var faults = Counts()
  /// Changes of the ring by kind and by how they ended.
  package var changes = Counts()
  /// Keys whose history was too tangled to be judged.
  package var undecided = 0
  package var events = 0
  /// A digest of the times of all events: equal runs have equal ones.
  package var fingerprint: UInt64 = 0
  /// The last events in words, when the run was traced.
  package var trace: [String] = []
}

/// How often things of some kinds happened.
package struct Counts: Hashable, Sendable {
  package private(set) var byKind: [String: UInt64] = [:]

  package init() {}

  package subscript(kind: String) -> UInt64 { byKind[kind] ?? 0 }

  package mutating func add(_ kind: String, _ count: UInt64 = 1) {
    byKind[kind, default: 0] &+= count
  }

  package mutating func add(_ other: Counts) {
    for (kind, count) in other.byKind { add(kind, count) }
  }
}
