import Candid
import Placement

/// How far the change under way has come. Lost at a restart, which goes through the steps again:
/// each asks for what may have been done already.
struct ChangeProgress {
  enum Step: Hashable {
    case launching, initialising, preparingTargets, preparingSources, copying, fencing
    case deciding, flippingTargets, settling

    /// As operators see it.
    var name: String {
      switch self {
      case .launching: "launching"
      case .initialising: "initialising"
      case .preparingTargets, .preparingSources: "preparing"
      case .copying: "copying"
      case .fencing: "fencing"
      case .deciding: "deciding"
      case .flippingTargets: "flipping"
      case .settling: "settling"
      }
    }
  }

  var step: Step {
    didSet { answers = [] }
  }
  /// When the step began, or made progress last; nil until the first look at it.
  private(set) var since: UInt64?
  /// Who has answered the message of this step.
  var answers: Set<Principal> = []
  /// What the sources had done when they were looked at last.
  var copy = CopyTotals()
  /// The next ring, once it is drawn up.
  var next: ClusterMap?
  /// The stored states that carry the plan and the decision.
  var plan: UInt64 = 0
  var decision: UInt64 = 0
  /// When the change began, the sources were fenced, and the new owners served.
  private(set) var startedAt: UInt64?
  private(set) var fencedAt: UInt64?
  private(set) var flippedAt: UInt64?

  /// Whether an earlier life of the coordinator began the change.
  let isResumed: Bool

  init(step: Step, isResumed: Bool = false) {
    self.step = step
    self.isResumed = isResumed
  }

  /// Whether the new nodes have taken their identities, so that one without has lost its data.
  var isInitialised: Bool {
    switch step {
    case .launching, .initialising: isResumed
    case .preparingTargets, .preparingSources, .copying, .fencing, .deciding, .flippingTargets,
      .settling:
      true
    }
  }

  /// Time is not known before the first look.
  mutating func begin(now: UInt64) {
    guard since == nil else { return }
    since = now
    startedAt = now
  }

  mutating func enter(_ step: Step, now: UInt64) {
    self.step = step
    since = now
    if step == .fencing { fencedAt = now }
    if step == .settling { flippedAt = now }
  }

  mutating func advanced(now: UInt64) { since = now }

  /// Notes an answer to the message of this step, not to an older one that it has overtaken.
  mutating func answered(
    _ message: CoordinatorMessage, by node: Principal, change: CoordinatorState.Change
  ) {
    switch (step, message) {
    case (.initialising, .initialise), (.fencing, .fence):
      answers.insert(node)
    case (.preparingTargets, .prepare(let map)), (.preparingSources, .prepare(let map)):
      if map.revision == next?.revision { answers.insert(node) }
    case (.flippingTargets, .ringChanged(let map)):
      if map.ring.epoch >= change.epoch { answers.insert(node) }
    default:
      break
    }
  }
}
