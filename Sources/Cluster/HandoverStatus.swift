public import Candid

/// How far a handover has come at one of its sources, for health reports.
public struct HandoverStatus: Hashable, CandidRecord {
  public var epoch: UInt64
  /// A `Handover.Phase`.
  public var phase: String
  /// Moving keys that have been sent.
  public var sentKeys: UInt64
  /// Keys that changed since they were sent, and so have to be sent again.
  public var backlog: UInt64
  /// Absent in the reports of older programs.
  public var progress: HandoverProgress?

  public init(
    epoch: UInt64, phase: String, sentKeys: UInt64, backlog: UInt64, progress: HandoverProgress?
  ) {
    self.epoch = epoch
    self.phase = phase
    self.sentKeys = sentKeys
    self.backlog = backlog
    self.progress = progress
  }

  public static let candidFields = CandidFields(
    HandoverStatus.init(epoch:phase:sentKeys:backlog:progress:),
    CandidMember("epoch", \.epoch), CandidMember("phase", \.phase),
    CandidMember("sent_keys", \.sentKeys), CandidMember("backlog", \.backlog),
    CandidMember("progress", \.progress))
}

/// How much of a copy is done.
public struct HandoverProgress: Hashable, CandidRecord {
  /// Keys that the node has looked at, and how many it held when the copy began.
  public private(set) var scannedKeys: UInt64 = 0
  public let keys: UInt64
  /// Bytes of keys and values that have been sent; those sent again after a change count again.
  public private(set) var sentBytes: UInt64 = 0
  /// About how many bytes are to be sent in all.
  public private(set) var expectedBytes: UInt64
  /// Of the last second or so.
  public private(set) var bytesPerSecond: UInt64 = 0

  private var heldBytes: UInt64
  private var scannedBytes: UInt64 = 0
  private var measuredAt: UInt64 = 0
  private var measuredBytes: UInt64 = 0

  init(keys: UInt64, bytes: UInt64) {
    self.keys = keys
    expectedBytes = bytes
    heldBytes = bytes
  }

  private init(
    scannedKeys: UInt64, keys: UInt64, sentBytes: UInt64, expectedBytes: UInt64,
    bytesPerSecond: UInt64
  ) {
    self.init(keys: keys, bytes: expectedBytes)
    self.scannedKeys = scannedKeys
    self.sentBytes = sentBytes
    self.bytesPerSecond = bytesPerSecond
  }

  public static let candidFields = CandidFields(
    HandoverProgress.init(scannedKeys:keys:sentBytes:expectedBytes:bytesPerSecond:),
    CandidMember("scanned_keys", \.scannedKeys), CandidMember("keys", \.keys),
    CandidMember("sent_bytes", \.sentBytes), CandidMember("expected_bytes", \.expectedBytes),
    CandidMember("bytes_per_second", \.bytesPerSecond))

  /// The copy looked at so many keys, of so many bytes.
  mutating func scanned(keys: Int, bytes: Int) {
    scannedKeys &+= UInt64(keys)
    scannedBytes &+= UInt64(bytes)
    // What has been seen tells about the rest: keys are spread evenly.
    guard scannedBytes > 0 else { return }
    let share = Double(sentBytes) / Double(scannedBytes)
    expectedBytes = max(sentBytes, UInt64(share * Double(max(heldBytes, scannedBytes))))
  }

  /// The copy has seen everything.
  mutating func finishedScan() {
    expectedBytes = sentBytes
  }

  mutating func sent(bytes: Int, at now: UInt64) {
    sentBytes &+= UInt64(bytes)
    expectedBytes = max(expectedBytes, sentBytes)
    if measuredAt == 0 { measuredAt = now }
    let elapsed = now &- measuredAt
    guard elapsed >= 1_000 else { return }
    bytesPerSecond = (sentBytes &- measuredBytes) &* 1_000 / elapsed
    measuredAt = now
    measuredBytes = sentBytes
  }
}
