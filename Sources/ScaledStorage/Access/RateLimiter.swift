import HTTPTransport
import WireProtocol

/// Requests a second that each caller may send, by its role; 0 is without bound.
package struct RateLimits: Hashable, Sendable {
  package var read = 0
  package var write = 0
  package var admin = 0
  package var anonymous = 0

  package init() {}

  package var isEmpty: Bool { self == RateLimits() }

  func rate(of role: Role) -> Int {
    switch role {
    case .read: read
    case .write: write
    case .admin: admin
    case .none, .cluster: 0
    }
  }
}

/// Keeps each caller to its rate: a caller with a name by its name, whatever its tokens are, others
/// by the network that they come from. A second's worth may come at once.
final class RateLimiter {
  private let limits: RateLimits
  // The instant until which a caller's past requests take up its rate (the generic cell rate
  // algorithm): one number each, and nothing to be refilled.
  private var named: [String: UInt64] = [:]
  private var unnamed: [SocketAddress: UInt64] = [:]
  /// What all share that find no room in ``unnamed``.
  private var crowd: UInt64 = 0
  /// When ``unnamed`` is swept again, at the earliest.
  private var nextSweep: UInt64 = 0

  /// Networks that are told apart. Names are those of the access file, so that they are bounded.
  static let mostNetworks = 4_096
  private static let burst: UInt64 = 1_000_000_000

  init(_ limits: RateLimits) {
    self.limits = limits
  }

  /// Counts a request. Returns nil when it may pass, else the seconds to wait. O(1), and once a
  /// second O(``mostNetworks``).
  func wait(_ caller: Caller, isAnonymous: Bool, from peer: SocketAddress, now: MonotonicTime)
    -> Int?
  {
    let rate = isAnonymous ? limits.anonymous : limits.rate(of: caller.role)
    guard rate > 0 else { return nil }
    guard isAnonymous else {
      return RateLimiter.count(&named[caller.name, default: 0], rate, now)
    }
    let network = peer.network
    if unnamed[network] == nil, unnamed.count >= RateLimiter.mostNetworks {
      // Once a second: a sweep costs more than what it is to keep away.
      if now.nanoseconds >= nextSweep {
        nextSweep = now.nanoseconds + RateLimiter.burst
        unnamed = unnamed.filter { $0.value > now.nanoseconds }
      }
      guard unnamed.count < RateLimiter.mostNetworks else {
        return RateLimiter.count(&crowd, rate, now)
      }
    }
    return RateLimiter.count(&unnamed[network, default: 0], rate, now)
  }

  /// Forgets callers that are no longer listed.
  func keepOnly(_ names: Set<String>) {
    named = named.filter { names.contains($0.key) }
  }

  private static func count(_ until: inout UInt64, _ rate: Int, _ now: MonotonicTime) -> Int? {
    let step = max(burst / UInt64(clamping: rate), 1)
    let start = max(until, now.nanoseconds)
    let ahead = start - now.nanoseconds
    guard ahead <= burst - min(step, burst) else {
      return Int((ahead + step - burst + 999_999_999) / 1_000_000_000)
    }
    until = start + step
    return nil
  }
}
