public import Candid
import Placement

/// Which module the nodes run, and how another one comes to them.
///
/// What holds, whatever is lost, repeated or late:
/// - The map names the digests that may serve calls. A new module's is added, durably, before any
///   node hears of the module, and all members that answer know that map before the first of them
///   gets the module. Only when every member, also those that were down, has the new module do the
///   others' digests go. So no node serves calls with a module that the cluster is done with.
/// - One member at a time takes a module. The first that refuses it keeps its turn, so that a bad
///   module comes no further: the others go on with what they have. A member that is down is passed
///   over, and gets the new map, then the module, when it is back.
/// - A later module, or the way back, may come at any time, also amid a roll: the digests of those
///   before stay accepted, and the roll begins again with the first member that lacks it.
/// - A module that is late on its way is told by the revision that it was sent with: a node takes
///   none of an earlier one than it has.
/// - While the ring changes no member takes a module, since a step of the change would wait for it.
///   New nodes get theirs before they are initialised, and no digest goes before they are members.
extension CoordinatorMachine {
  /// The most digests that may serve calls at once.
  static let mostAcceptedModules = 8

  /// Makes a module, which the driver has stored, the cluster's: every node gets it. The module
  /// that is the cluster's already is only offered again at once where it was refused.
  /// - Throws: `ClusterError` with code `.conflict` when nodes may still have too many others.
  public mutating func installModule(_ digest: [UInt8]) throws(ClusterError) {
    guard digest != state.moduleDigest else { return offerAgain() }
    let before = state.map.modules ?? state.moduleDigest.map { [$0] } ?? []
    let accepted = [digest] + before.filter { $0 != digest }
    guard accepted.count <= CoordinatorMachine.mostAcceptedModules else {
      throw ClusterError(
        .conflict,
        "\(before.count) modules are on the nodes already: \(waitingText); "
          + "wait until they have the last one, or drain them")
    }
    // The way back leads to what all nodes had, not to what a roll that was cut short has left.
    let candidates =
      state.isModuleRolling
      ? [state.previousModuleDigest, state.moduleDigest] : [state.moduleDigest]
    state.previousModuleDigest = candidates.lazy.compactMap { $0 }.first { $0 != digest }
    state.moduleDigest = digest
    state.isModuleRolling = true
    acceptModules(accepted)
    offerAgain()
    note("module \(CoordinatorMachine.name(digest)) to be installed")
  }

  /// Makes the module before the present one the cluster's again, and that one the one before.
  /// - Returns: its digest.
  /// - Throws: `ClusterError` with code `.conflict` when there is none.
  @discardableResult
  public mutating func rollBackModule() throws(ClusterError) -> [UInt8] {
    guard let digest = state.previousModuleDigest else {
      throw ClusterError(.conflict, "there is no module before the present one to go back to")
    }
    try installModule(digest)
    return digest
  }

  /// The first member that refuses its module, and why; nil when none does.
  public var moduleHalt: (node: Principal, failure: ModuleFailure)? {
    for node in state.map.members {
      if let failure = nodes[node]?.moduleFailure { return (node, failure) }
    }
    return nil
  }

  /// Members that are not known to have the wanted module.
  public var membersWithoutModule: [Principal] {
    guard let wanted = state.moduleDigest else { return [] }
    return state.map.members.filter { nodes[$0]?.report?.moduleDigest != wanted }
  }

  /// Why a node has not taken the module, and when it is offered again.
  public struct ModuleFailure: Hashable, Sendable {
    public internal(set) var reason: String
    /// In a row.
    public internal(set) var count: UInt64
    public internal(set) var failedAt: UInt64
    public internal(set) var retryAt: UInt64
  }

  // MARK: - Level by level

  /// A state of a program that told nodes of no modules becomes one that does.
  mutating func adoptStoredModule() {
    guard let digest = state.moduleDigest, state.map.modules == nil else { return }
    acceptModules([digest])
  }

  private mutating func acceptModules(_ digests: [[UInt8]]) {
    state.map.modules = digests
    state.map.revision += 1
    persist()
    mapSequence = lastPersist
  }

  /// Ends a roll once nobody has anything else, and gives the module to whose turn it is.
  mutating func rollModule(now: UInt64) {
    guard let wanted = state.moduleDigest else { return }
    for node in nodes.keys where nodes[node]?.report?.moduleDigest == wanted {
      nodes[node]?.moduleFailure = nil
    }
    // Who knows this map takes no module any more that was sent under one before. New nodes do not
    // know it until they are members.
    if state.isModuleRolling, state.change?.isDecided ?? true,
      state.map.members.allSatisfy({ knowsMap($0) && hasSaid($0, toHave: wanted) })
    {
      state.isModuleRolling = false
      acceptModules([wanted])
      note("all nodes have module \(CoordinatorMachine.name(wanted))")
    }
    // Nobody is told what a crash could take back.
    guard persistedSequence >= mapSequence else { return }
    guard state.change == nil || progress?.step == .settling else { return }
    guard !isMemberTakingModule, let node = nextForModule(wanted, now: now) else { return }
    upload(wanted, to: node)
  }

  /// Gives new nodes their module, on which their initialisation waits.
  mutating func equipNewNodes(_ newcomers: [Principal], now: UInt64) {
    guard let digest = newcomersModule, persistedSequence >= mapSequence else { return }
    for node in newcomers {
      guard let view = nodes[node], let report = view.report, view.request == nil,
        !isEquipped(report), view.moduleFailure.map({ $0.retryAt <= now }) ?? true
      else { continue }
      upload(digest, to: node)
    }
  }

  /// Whether a new node has a module with which it may join.
  func isEquipped(_ report: NodeReport) -> Bool {
    guard let wanted = state.moduleDigest else { return true }
    return report.moduleDigest == wanted || report.moduleDigest == newcomersModule
  }

  /// The cluster can grow also while a module stands that some node refuses.
  private var newcomersModule: [UInt8]? {
    guard moduleHalt != nil, let previous = state.previousModuleDigest, accepts(previous) else {
      return state.moduleDigest
    }
    return previous
  }

  /// Whether calls may be served by a node with this module, or without one when there is none.
  func accepts(_ digest: [UInt8]?) -> Bool {
    guard let modules = state.map.modules else { return true }
    guard let digest else { return false }
    return modules.contains(digest)
  }

  private mutating func upload(_ digest: [UInt8], to node: Principal) {
    request(.uploadModule(digest: digest, revision: state.map.revision), to: node)
  }

  /// Whether a member has a module on its way to it.
  var isMemberTakingModule: Bool {
    requests.values.contains { pending in
      guard case .uploadModule = pending.message else { return false }
      return state.map.contains(pending.node)
    }
  }

  /// Whether a new node has its module on its way to it, and has not refused it before: one that
  /// never takes it must not hold up for ever what waits for it.
  func isTakingFirstOffer(_ node: Principal) -> Bool {
    guard let view = nodes[node], view.moduleFailure == nil, let request = view.request,
      case .uploadModule? = requests[request]?.message
    else { return false }
    return true
  }

  /// Whose turn it is, if anyone's at this moment.
  private func nextForModule(_ wanted: [UInt8], now: UInt64) -> Principal? {
    let answering = state.map.members.filter { nodes[$0]?.report?.identity == $0 }
    guard answering.allSatisfy(knowsMap) else { return nil }
    let lacking = answering.filter { nodes[$0]?.report?.moduleDigest != wanted }
    let refusing = state.map.members.first { node in
      guard let view = nodes[node], let failure = view.moduleFailure else { return false }
      // One that dies of the module comes back to it; one that stays away holds nobody up.
      return answering.contains(node)
        || now &- failure.failedAt < settings.modulePatience
    }
    guard let next = refusing ?? lacking.first, lacking.contains(next),
      nodes[next]?.request == nil, nodes[next]?.moduleFailure.map({ $0.retryAt <= now }) ?? true
    else { return nil }
    return next
  }

  /// Whether the node itself has reported it, together with the map that it knows.
  private func hasSaid(_ node: Principal, toHave digest: [UInt8]) -> Bool {
    guard let view = nodes[node], let report = view.report else { return false }
    return view.isReportWhole && report.moduleDigest == digest
  }

  private func knowsMap(_ node: Principal) -> Bool {
    guard let report = nodes[node]?.report else { return false }
    return (report.epoch, report.revision) >= (state.map.ring.epoch, state.map.revision)
  }

  // MARK: - Answers

  /// A node took a module.
  mutating func moduleTaken(_ digest: [UInt8], by node: Principal) {
    nodes[node]?.report?.moduleDigest = digest
    nodes[node]?.moduleFailure = nil
  }

  /// A node did not take a module, or ended meanwhile.
  mutating func moduleRefused(
    _ digest: [UInt8], by node: Principal, _ reason: String, now: UInt64
  ) {
    // It may have taken it all the same, or take it yet: what it said before is outdated.
    nodes[node]?.carriedOut += 1
    nodes[node]?.report?.moduleDigest = nil
    // Of an earlier one nobody needs to know.
    guard digest == state.moduleDigest || digest == newcomersModule else { return }
    let count = (nodes[node]?.moduleFailure?.count ?? 0) + 1
    let pause = min(
      settings.moduleRetryPause << min(count - 1, 16), settings.longestModuleRetryPause)
    nodes[node]?.moduleFailure = ModuleFailure(
      reason: reason, count: count, failedAt: now, retryAt: now &+ pause)
  }

  private mutating func offerAgain() {
    for node in nodes.keys { nodes[node]?.moduleFailure = nil }
  }

  // MARK: - Words

  private var waitingText: String {
    let nodes = membersWithoutModule.prefix(3).map(\.text).joined(separator: ", ")
    return nodes.isEmpty ? "none waits" : "\(nodes) may have an earlier one"
  }

  private static func name(_ digest: [UInt8]) -> String {
    digest.prefix(6).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
