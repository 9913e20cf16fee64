package import Candid

/// What a proxy has passed on, by the node that it went to.
package final class ForwardCounts {
  /// The count of one node, which the routes to it keep.
  package final class Count {
    @exclusivity(unchecked) package var requests: UInt64 = 0
  }

  private var counts: [Principal: Count] = [:]
  /// Attempts that failed, by the code of the failure.
  package private(set) var failures: [String: UInt64] = [:]
  /// Attempts beyond the first.
  @exclusivity(unchecked) package var repeats: UInt64 = 0

  package init() {}

  package func count(of node: Principal) -> Count {
    if let known = counts[node] { return known }
    let count = Count()
    counts[node] = count
    return count
  }

  /// Forgets nodes that are no members any more.
  package func keep(_ members: Set<Principal>) {
    counts = counts.filter { members.contains($0.key) }
  }

  func failed(_ code: String) { failures[code, default: 0] &+= 1 }

  package func write(to text: inout MetricsText) {
    text.begin(
      "scaled_storage_forwarded_requests_total", .counter,
      "Requests that were passed on to the nodes that own their keys.")
    for (node, count) in counts.sorted(by: { $0.key < $1.key }) {
      text.sample(count.requests, [("to", node.text)])
    }
    text.add(
      "scaled_storage_forward_repeats_total", .counter,
      "Attempts to pass a request on after the first one failed.", repeats)
    text.begin(
      "scaled_storage_forward_failures_total", .counter,
      "Attempts to pass a request on that brought no answer.")
    for (code, count) in failures.sorted(by: { $0.key < $1.key }) {
      text.sample(count, [("code", code)])
    }
  }
}
