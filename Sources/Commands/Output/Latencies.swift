import HTTPTransport
import Histogram

/// Times of requests, in nanoseconds, to three digits.
struct Latencies {
  private static let longest: UInt64 = 3_600_000_000_000
  private var histogram = Histogram<UInt64>(
    lowestDiscernibleValue: 1_000, highestTrackableValue: longest,
    numberOfSignificantValueDigits: .three)

  mutating func record(since begin: MonotonicTime) {
    record(nanoseconds: MonotonicTime.current().nanoseconds &- begin.nanoseconds)
  }

  /// Times beyond an hour count as an hour.
  mutating func record(nanoseconds: UInt64) {
    histogram.record(min(nanoseconds, Latencies.longest))
  }

  var count: UInt64 { histogram.totalCount }

  var summary: Summary {
    Summary(
      p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: count == 0 ? 0 : histogram.max)
  }

  private func at(_ percentile: Double) -> UInt64 {
    count == 0 ? 0 : histogram.valueAtPercentile(percentile)
  }

  /// Percentiles in nanoseconds.
  struct Summary: Encodable {
    var p50, p90, p99, p999, max: UInt64

    var text: String {
      "p50 \(Figures.time(p50)), p99 \(Figures.time(p99)), p99.9 \(Figures.time(p999)), "
        + "max \(Figures.time(max))"
    }

    private enum CodingKeys: String, CodingKey {
      case p50 = "p50_ns"
      case p90 = "p90_ns"
      case p99 = "p99_ns"
      case p999 = "p99.9_ns"
      case max = "max_ns"
    }
  }
}
