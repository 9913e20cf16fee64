/// When a cluster grows and when it shrinks.
///
/// The rules are closures, so that a program that uses the library can bring its own:
///
///     var policy = ScalePolicy { load in load.keys > 100_000 }
///     policy.isOverloaded = { load in load.utilisation > 0.8 }
///     policy.maximumNodes = 12
///
/// Rules should be monotone: what calls for growth at some load should do so at a higher one. Then
/// a constant load never makes a cluster grow and shrink in turn, since it shrinks only where the
/// rest would stay at `scaleDownAt` of what makes it grow.
public struct ScalePolicy: Sendable {
  /// The load of one node, as its own report tells it.
  public struct Load: Hashable, Sendable {
    public var keys: UInt64
    /// Bytes of live keys and their values.
    public var bytes: UInt64
    /// Requests that it answered in the last second.
    public var requestsPerSecond: Double
    /// The share of its core that it used in the last second, 0 to 1; a projected one can be more.
    public var utilisation: Double
    /// The time within which 99 in 100 of the last second's answers to users were given; zero when
    /// there were none.
    public var latencyP99: Duration

    public init(
      keys: UInt64, bytes: UInt64, requestsPerSecond: Double = 0, utilisation: Double = 0,
      latencyP99: Duration = .zero
    ) {
      self.keys = keys
      self.bytes = bytes
      self.requestsPerSecond = requestsPerSecond
      self.utilisation = utilisation
      self.latencyP99 = latencyP99
    }
  }

  /// Whether a node of this size calls for other nodes: the developer's own rule, which acts at
  /// once.
  public var shouldScaleUp: @Sendable (Load) -> Bool
  /// Whether a node has too much to do: it acts once it has held for `scaleUpAfter`.
  public var isOverloaded: @Sendable (Load) -> Bool
  /// Milliseconds for which a node has to be overloaded before others join.
  public var scaleUpAfter: UInt64
  /// The low-water mark, more than 0 and less than 1: a node is retired when the rest would stay
  /// below this share of the load that makes the cluster grow. Nil: nodes are never retired.
  public var scaleDownAt: Double?
  /// Milliseconds for which that has to hold.
  public var scaleDownAfter: UInt64
  public var minimumNodes: Int
  public var maximumNodes: Int
  /// The pause between two changes of the ring, in milliseconds.
  public var cooldown: UInt64
  /// The pause after a change that failed, in milliseconds, doubled at each failure in a row.
  public var backoff: UInt64
  public var longestBackoff: UInt64

  public init(
    minimumNodes: Int = 1, maximumNodes: Int = 64, cooldown: UInt64 = 100, backoff: UInt64 = 1_000,
    longestBackoff: UInt64 = 60_000, scaleUpAfter: UInt64 = 10_000, scaleDownAt: Double? = 0.5,
    scaleDownAfter: UInt64 = 60_000,
    isOverloaded: @escaping @Sendable (Load) -> Bool = { _ in false },
    shouldScaleUp: @escaping @Sendable (Load) -> Bool
  ) {
    self.minimumNodes = minimumNodes
    self.maximumNodes = maximumNodes
    self.cooldown = cooldown
    self.backoff = backoff
    self.longestBackoff = longestBackoff
    self.scaleUpAfter = scaleUpAfter
    self.scaleDownAt = scaleDownAt
    self.scaleDownAfter = scaleDownAfter
    self.isOverloaded = isOverloaded
    self.shouldScaleUp = shouldScaleUp
  }

  /// Grows once any node holds more than `keys` keys or `bytes` bytes, like the original's
  /// `size > 50`.
  public static func threshold(keys: UInt64, bytes: UInt64 = .max) -> ScalePolicy {
    ScalePolicy { load in load.keys > keys || load.bytes > bytes }
  }

  /// Whether a node of this load calls for growth by any rule.
  public func callsForGrowth(_ load: Load) -> Bool { shouldScaleUp(load) || isOverloaded(load) }
}

extension ScalePolicy.Load {
  /// This load times `factor`.
  func scaled(by factor: Double) -> ScalePolicy.Load {
    ScalePolicy.Load(
      keys: ScalePolicy.Load.scaled(keys, factor), bytes: ScalePolicy.Load.scaled(bytes, factor),
      requestsPerSecond: requestsPerSecond * factor, utilisation: utilisation * factor,
      latencyP99: latency(atUtilisation: utilisation * factor))
  }

  /// The latency at another utilisation, if what answers wait for is the core.
  private func latency(atUtilisation other: Double) -> Duration {
    let stretch = ScalePolicy.Load.stretch(other) / ScalePolicy.Load.stretch(utilisation)
    return .seconds(min(latencyP99 / .seconds(1) * stretch, 1e9))
  }

  /// How many times longer answers take than without a queue, as in the queue M/M/1. Where the core
  /// does not suffice a queue would have no end; this goes on from 99 % in a steep line, so that a
  /// projection can be projected again.
  private static func stretch(_ utilisation: Double) -> Double {
    utilisation < 0.99 ? 1 / (1 - max(0, utilisation)) : 100 + (utilisation - 0.99) * 1e5
  }

  private static func scaled(_ count: UInt64, _ factor: Double) -> UInt64 {
    let product = (Double(count) * factor).rounded()
    return product.isFinite && product < Double(UInt64.max) ? UInt64(max(0, product)) : .max
  }

  static func + (a: ScalePolicy.Load, b: ScalePolicy.Load) -> ScalePolicy.Load {
    let (keys, tooManyKeys) = a.keys.addingReportingOverflow(b.keys)
    let (bytes, tooManyBytes) = a.bytes.addingReportingOverflow(b.bytes)
    return ScalePolicy.Load(
      keys: tooManyKeys ? .max : keys, bytes: tooManyBytes ? .max : bytes,
      requestsPerSecond: a.requestsPerSecond + b.requestsPerSecond,
      utilisation: a.utilisation + b.utilisation,
      latencyP99: max(
        a.latency(atUtilisation: a.utilisation + b.utilisation),
        b.latency(atUtilisation: a.utilisation + b.utilisation)))
  }
}

extension NodeReport {
  /// What the node has to bear.
  public var load: ScalePolicy.Load {
    ScalePolicy.Load(
      keys: keys, bytes: bytes, requestsPerSecond: requestsPerSecond, utilisation: utilisation,
      latencyP99: latencyP99)
  }
}
