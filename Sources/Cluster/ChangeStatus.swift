public import Candid
import Placement

/// How far the change of the ring that is under way has come.
public struct ChangeStatus: Hashable, Sendable {
  public var joining: [Principal]
  public var leaving: [Principal]
  /// The epoch of the ring after the change.
  public var epoch: UInt64
  /// `launching`, `initialising`, `preparing`, `copying`, `fencing`, `deciding`, `flipping`,
  /// `settling`.
  public var step: String
  /// From here on it only goes forward.
  public var isDecided: Bool
  public var copy: CopyTotals
  /// When it began, or was taken up again after a restart, in milliseconds of the clock that the
  /// machine is driven by.
  public var startedAt: UInt64?
}

/// What the sources of a handover have done, in sum.
public struct CopyTotals: Hashable, Sendable {
  /// Keys that the sources have looked at, and how many they hold.
  public var scannedKeys: UInt64 = 0
  public var keys: UInt64 = 0
  /// Keys and bytes that have been sent; those sent again after a change count again.
  public var sentKeys: UInt64 = 0
  public var sentBytes: UInt64 = 0
  /// About how many bytes are to be sent in all.
  public var expectedBytes: UInt64 = 0
  public var bytesPerSecond: UInt64 = 0

  mutating func add(_ handover: HandoverStatus) {
    sentKeys &+= handover.sentKeys
    guard let progress = handover.progress else { return }
    scannedKeys &+= progress.scannedKeys
    keys &+= progress.keys
    sentBytes &+= progress.sentBytes
    expectedBytes &+= progress.expectedBytes
    bytesPerSecond &+= progress.bytesPerSecond
  }
}

extension CoordinatorMachine {
  /// The map after the change under way, once it is drawn up; nil without a change, and when it
  /// has become the map to route by.
  package var nextMap: ClusterMap? {
    guard let next = progress?.next, next.ring.epoch > routingMap.ring.epoch else { return nil }
    return next
  }

  /// The change under way; nil when there is none.
  public var changeStatus: ChangeStatus? {
    guard let change = state.change else { return nil }
    return ChangeStatus(
      joining: change.joining, leaving: change.leaving, epoch: change.epoch,
      step: progress?.step.name ?? "led by another gateway", isDecided: change.isDecided,
      copy: progress?.copy ?? CopyTotals(), startedAt: progress?.startedAt)
  }
}
