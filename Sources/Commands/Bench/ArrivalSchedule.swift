import Glibc

/// When the requests of an open loop should start, from a rate and a seed alone: how long the
/// target takes has no influence.
struct ArrivalSchedule {
  enum Process: String, CaseIterable, Sendable {
    /// Equal distances.
    case constant
    /// Independent arrivals: the distances are exponentially distributed.
    case poisson
  }

  /// Nanoseconds between two arrivals, on average.
  private let interval: Double
  private let process: Process
  private let offset: Double
  private var generator: SplitMix64
  private var index = 0.0
  private var elapsed = 0.0
  /// The next arrival, in nanoseconds from the beginning.
  private(set) var next: UInt64 = 0

  /// - Parameters:
  ///   - rate: arrivals a second, more than 0.
  ///   - share: of several schedules that make up the rate together, the how manieth this is.
  init(
    rate: Double, process: Process, seed: UInt64, share: (index: Int, count: Int) = (0, 1)
  ) {
    interval = 1e9 / rate * Double(share.count)
    self.process = process
    offset = interval * Double(share.index) / Double(share.count)
    generator = SplitMix64(seed: seed)
    elapsed = process == .poisson ? distance() : offset
    next = UInt64(elapsed)
  }

  /// Goes on to the arrival after this one.
  mutating func advance() {
    index += 1
    switch process {
    // Multiplied, not added up, so that rounding does not shift the rate.
    case .constant: elapsed = offset + index * interval
    case .poisson: elapsed += distance()
    }
    next = elapsed < ArrivalSchedule.latest ? UInt64(elapsed) : .max
  }

  private static let latest = 1e18

  private mutating func distance() -> Double {
    -interval * log(1 - generator.unit())
  }
}

extension SplitMix64 {
  /// Uniform in 0..<1.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in 0..<bound, which is more than 0 (Lemire 2019, without the rejection: the bias is
  /// below bound / 2^64).
  mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}
