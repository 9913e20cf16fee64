public import Candid

/// A restart of nodes, one after the other: which ones, how far it is, and what came of it.
///
/// It is part of the coordinator's stored state, so that a coordinator that starts again goes on
/// with it.
public struct RollingRestart: Hashable, Sendable {
  /// In the order of their turns, none twice.
  public internal(set) var nodes: [Principal]
  /// How many of them, from the first on, are over: started again and in their places, or no
  /// members any more.
  public internal(set) var done = 0
  /// The incarnation that the node whose turn it is had when it was to be started again; nil before
  /// that.
  public internal(set) var incarnation: UInt64?
  public internal(set) var isEnded = false
  /// Why it was given up; nil unless it was.
  public internal(set) var failure: String?

  init(_ nodes: [Principal]) {
    self.nodes = nodes
  }

  /// Whose turn it is; nil once all had theirs, and when it has ended.
  public var current: Principal? { isEnded || done >= nodes.count ? nil : nodes[done] }

  /// What came of it; nil while it is under way.
  public var outcome: Outcome? {
    guard isEnded else { return nil }
    if failure != nil { return .failed }
    return done == nodes.count ? .done : .cancelled
  }

  public enum Outcome: Hashable, Sendable {
    case done
    case cancelled
    case failed
  }
}

extension RollingRestart: CandidRecord {
  public static let candidFields = CandidFields(
    RollingRestart.init(nodes:storedDone:incarnation:isEnded:failure:),
    CandidMember("nodes", \.nodes), CandidMember("done", \.storedDone),
    CandidMember("incarnation", \.incarnation), CandidMember("ended", \.isEnded),
    CandidMember("failure", \.failure))

  private var storedDone: UInt32 { UInt32(clamping: done) }

  private init(
    nodes: [Principal], storedDone: UInt32, incarnation: UInt64?, isEnded: Bool, failure: String?
  ) {
    self.nodes = nodes
    done = min(Int(storedDone), nodes.count)
    self.incarnation = incarnation
    self.isEnded = isEnded
    self.failure = failure
  }
}

/// How far the turn of one node is, as far as this run of the coordinator knows.
struct RestartTurn {
  enum Step: Hashable {
    /// For the members to be in their places, before its restart.
    case waitingForCalm
    /// For its order to be durable.
    case storing(sequence: UInt64)
    /// For the instance to be told.
    case ordering
    /// For the node to be back.
    case waitingForReturn
  }

  var node: Principal
  var step: Step
  /// When the wait for the node, or for calm before it, began.
  var since: UInt64
  /// Not before this is it ordered again, after a failure that may pass.
  var orderAt: UInt64 = 0
  /// The new process that is ready, and since when it was at each look.
  var ready: (incarnation: UInt64, since: UInt64)?
}
