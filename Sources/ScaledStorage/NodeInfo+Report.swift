package import Cluster
import Candid

extension NodeInfo {
  /// Reads a `node_info` answer in Candid; nil when it is none.
  package static func read(candid body: [UInt8]) -> NodeInfo? {
    try? CandidArguments.decode(body, as: NodeInfo.self)
  }

  /// What the coordinator needs of it.
  package var report: NodeReport {
    NodeReport(
      identity: node, status: status, keys: size, bytes: bytes, epoch: epoch, revision: revision,
      handover: handover, isPurging: isPurging,
      moduleDigest: moduleSHA256.flatMap(Hexadecimal.bytes), requestsPerSecond: requestsPerSecond,
      utilisation: 1 - Double(min(idle, NodeInfo.coreSecond)) / Double(NodeInfo.coreSecond),
      latencyP99: .microseconds(Int64(clamping: latencyP99 ?? 0)),
      incarnation: incarnation, ringDigest: ringDigest)
  }

  private var idle: UInt64 { idleNanoseconds ?? cyclesBalance }

  /// Nanoseconds that one core has in a second.
  private static let coreSecond: UInt64 = 1_000_000_000
}

extension Duration {
  /// Rounded down; none when negative.
  var wholeMicroseconds: UInt64 {
    let (seconds, attoseconds) = components
    return UInt64(clamping: seconds) &* 1_000_000
      &+ UInt64(clamping: attoseconds / 1_000_000_000_000)
  }
}

/// Pairs of hexadecimal digits.
enum Hexadecimal {
  static func bytes(_ text: String) -> [UInt8]? {
    let digits = text.utf8.map { digit -> UInt8? in
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
      default: nil
      }
    }
    guard digits.count % 2 == 0, !digits.contains(nil) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { index in
      (digits[index] ?? 0) << 4 | (digits[index + 1] ?? 0)
    }
  }
}
