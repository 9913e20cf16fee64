extension UInt64 {
  /// The sum, or the greatest number where that is too much: figures that others tell do not end
  /// the program.
  func adding(atMost other: UInt64) -> UInt64 {
    let (sum, isTooMuch) = addingReportingOverflow(other)
    return isTooMuch ? .max : sum
  }
}
