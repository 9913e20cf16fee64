import Glibc

/// Ranks 1...count with probabilities proportional to rank^-exponent, by rejection-inversion: W.
/// Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone discrete
/// distributions", ACM TOMACS 6(3), 1996. It needs no table, and less than two tries on average.
struct ZipfRanks {
  let count: UInt64
  let exponent: Double
  /// The integral of the hat at both ends of the range that is inverted.
  private let lowest: Double
  private let highest: Double
  /// Below this distance from its rank a point is accepted without evaluating the density.
  private let squeeze: Double

  /// - Parameters:
  ///   - count: at least 1.
  ///   - exponent: more than 0; 1 is Zipf's own law.
  init(count: UInt64, exponent: Double) {
    self.count = count
    self.exponent = exponent
    lowest = ZipfRanks.integral(1.5, exponent) - 1
    highest = ZipfRanks.integral(Double(count) + 0.5, exponent)
    let second = ZipfRanks.integral(2.5, exponent) - ZipfRanks.density(2, exponent)
    squeeze = 2 - ZipfRanks.inverse(second, exponent)
  }

  func next(_ generator: inout SplitMix64) -> UInt64 {
    while true {
      let area = highest + generator.unit() * (lowest - highest)
      let point = ZipfRanks.inverse(area, exponent)
      let nearest = min(max((point + 0.5).rounded(.down), 1), Double(count))
      if nearest - point <= squeeze
        || area >= ZipfRanks.integral(nearest + 0.5, exponent)
          - ZipfRanks.density(nearest, exponent)
      {
        return UInt64(nearest)
      }
    }
  }

  private static func density(_ x: Double, _ exponent: Double) -> Double {
    exp(-exponent * log(x))
  }

  /// The integral of the density, zero at 1: (x^(1 - s) - 1) / (1 - s), or log x where s is 1.
  private static func integral(_ x: Double, _ exponent: Double) -> Double {
    let logarithm = log(x)
    let power = (1 - exponent) * logarithm
    // The quotient is smooth through zero; near it the series avoids cancellation.
    let quotient = abs(power) > 1e-8 ? expm1(power) / power : 1 + power / 2
    return quotient * logarithm
  }

  private static func inverse(_ area: Double, _ exponent: Double) -> Double {
    let part = max(area * (1 - exponent), -1)
    let quotient = abs(part) > 1e-8 ? log1p(part) / part : 1 - part / 2
    return exp(quotient * area)
  }
}
