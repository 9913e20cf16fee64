/// How many answers a server gave, by the kind of request and by status, and how long those of each
/// kind took.
///
/// All memory is taken at once: counting adds to a cell.
package final class AnswerCounts {
  /// What handlers sort requests into, by ``Exchange/kind``; 0 is for all that nobody sorted.
  package static let maximumKinds = 128
  /// The statuses that are counted one by one; what is none of them is counted as 0.
  package static let statuses: [Int] = [
    200, 201, 202, 204, 206, 304, 307, 400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 414,
    415, 417, 422, 428, 429, 431, 500, 501, 502, 503, 504, 505, 507, 508, 0,
  ]
  /// Upper bounds of the histogram's buckets, in nanoseconds; a last one takes the rest.
  package static let bounds: [UInt64] = [
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
    100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000,
    10_000_000_000,
  ]

  /// The figures of one kind of request.
  package struct Figures: Sendable {
    package var byStatus: [(status: Int, count: UInt64)]
    /// One count for each of ``AnswerCounts/bounds``, and one for what took longer; not cumulative.
    package var buckets: [UInt64]
    /// Of all in ``buckets``, in nanoseconds.
    package var sum: UInt64
  }

  private static let columns = statuses.count + bounds.count + 2
  private static let sumColumn = columns - 1
  private static let largestStatus = 600
  private let cells: UnsafeMutablePointer<UInt64>
  private let places: UnsafeMutablePointer<UInt8>
  private let limits: UnsafeMutablePointer<UInt64>

  init() {
    let count = AnswerCounts.maximumKinds * AnswerCounts.columns
    cells = .allocate(capacity: count)
    cells.initialize(repeating: 0, count: count)
    places = .allocate(capacity: AnswerCounts.largestStatus)
    places.initialize(
      repeating: UInt8(AnswerCounts.statuses.count - 1), count: AnswerCounts.largestStatus)
    for (place, status) in AnswerCounts.statuses.enumerated() { places[status] = UInt8(place) }
    limits = .allocate(capacity: AnswerCounts.bounds.count)
    limits.initialize(from: AnswerCounts.bounds, count: AnswerCounts.bounds.count)
  }

  deinit {
    cells.deallocate()
    places.deallocate()
    limits.deallocate()
  }

  @inline(__always)
  private func row(_ kind: UInt8) -> UnsafeMutablePointer<UInt64> {
    cells + Int(kind & UInt8(AnswerCounts.maximumKinds - 1)) * AnswerCounts.columns
  }

  func count(_ kind: UInt8, status: Int) {
    let place =
      status >= 0 && status < AnswerCounts.largestStatus
      ? Int(places[status]) : AnswerCounts.statuses.count - 1
    row(kind)[place] &+= 1
  }

  func add(_ nanoseconds: UInt64, kind: UInt8, count: UInt64) {
    let row = row(kind)
    var bucket = 0
    while bucket < AnswerCounts.bounds.count, nanoseconds > limits[bucket] { bucket += 1 }
    row[AnswerCounts.statuses.count + bucket] &+= count
    row[AnswerCounts.sumColumn] &+= nanoseconds &* count
  }

  /// The figures of a kind since the server began.
  package func figures(of kind: UInt8) -> Figures {
    let row = row(kind)
    let byStatus = AnswerCounts.statuses.enumerated().compactMap { place, status in
      row[place] > 0 ? (status: status, count: row[place]) : nil
    }
    let first = AnswerCounts.statuses.count
    let buckets = (0...AnswerCounts.bounds.count).map { row[first + $0] }
    return Figures(byStatus: byStatus, buckets: buckets, sum: row[AnswerCounts.sumColumn])
  }

  /// How many answers of all kinds had this status.
  package func count(ofStatus status: Int) -> UInt64 {
    guard let place = AnswerCounts.statuses.firstIndex(of: status) else { return 0 }
    return (0..<AnswerCounts.maximumKinds).reduce(0) {
      $0 &+ cells[$1 * AnswerCounts.columns + place]
    }
  }
}
