import HTTPTransport
import Histogram

/// Times of requests, in nanoseconds, to three digits.
struct Latencies: Sendable {
  private static let longest: UInt64 = 3_600_000_000_000
  private var histogram = Histogram<UInt64>(
    lowestDiscernibleValue: 1, highestTrackableValue: longest,
    numberOfSignificantValueDigits: .three)
  /// How many were longer than an hour, the greatest time that is told apart.
  private(set) var saturated: UInt64 = 0

  mutating func record(since begin: MonotonicTime) {
    record(nanoseconds: MonotonicTime.current().nanoseconds &- begin.nanoseconds)
  }

  /// Times beyond an hour count as an hour.
  mutating func record(nanoseconds: UInt64) {
    if nanoseconds > Latencies.longest { saturated += 1 }
    histogram.record(min(nanoseconds, Latencies.longest))
  }

  mutating func add(_ other: Latencies) {
    saturated += other.saturated
    histogram.add(other.histogram)
  }

  var count: UInt64 { histogram.totalCount }

  var summary: Summary {
    Summary(
      p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), p9999: at(99.99),
      max: count == 0 ? 0 : histogram.max, mean: UInt64(histogram.mean),
      stdev: UInt64(histogram.stdDeviation), saturated: saturated)
  }

  private func at(_ percentile: Double) -> UInt64 {
    count == 0 ? 0 : histogram.valueAtPercentile(percentile)
  }

  /// The distribution in milliseconds, as the tools of HdrHistogram read and plot it.
  var percentileDistribution: String {
    var text = ""
    histogram.outputPercentileDistribution(to: &text, outputValueUnitScalingRatio: 1_000_000)
    return text
  }

  /// Percentiles, mean and standard deviation in nanoseconds.
  struct Summary: Encodable {
    var p50, p90, p99, p999, p9999, max, mean, stdev: UInt64
    var saturated: UInt64

    var text: String {
      "p50 \(Figures.time(p50)), p99 \(Figures.time(p99)), p99.9 \(Figures.time(p999)), "
        + "max \(Figures.time(max))"
    }

    private enum CodingKeys: String, CodingKey {
      case p50 = "p50_ns"
      case p90 = "p90_ns"
      case p99 = "p99_ns"
      case p999 = "p99.9_ns"
      case p9999 = "p99.99_ns"
      case max = "max_ns"
      case mean = "mean_ns"
      case stdev = "stdev_ns"
      case saturated
    }
  }
}
