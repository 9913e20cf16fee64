import Candid

/// What the cluster did in the last five minutes, a second apart, and each node's rate in coarser
/// steps. In memory: a gateway that starts again begins anew.
struct StatusHistory {
  struct Sample {
    var requestsPerSecond = 0.0
    /// Microseconds of the slowest node; nil in a second without answers.
    var latencyP99: UInt64?
    var keys: UInt64 = 0
    var bytes: UInt64 = 0
  }

  /// A node's rate, as a mean over ``nodeInterval`` seconds.
  private struct NodeRates {
    var means: [Double] = []
    var sum = 0.0
    var count = 0
  }

  static let capacity = 300
  static let nodeInterval = 5
  static let nodeCapacity = 60

  private(set) var samples: [Sample] = []
  private var rates: [Principal: NodeRates] = [:]
  private var second = 0

  /// Adds a second. Nodes that are not in `nodes` are forgotten. O(nodes).
  mutating func add(_ sample: Sample, nodes: [(id: Principal, requestsPerSecond: Double)]) {
    if samples.count == StatusHistory.capacity { samples.removeFirst() }
    samples.append(sample)
    second += 1
    let isWhole = second % StatusHistory.nodeInterval == 0
    var next: [Principal: NodeRates] = [:]
    for node in nodes {
      var entry = rates[node.id] ?? NodeRates()
      entry.sum += node.requestsPerSecond
      entry.count += 1
      if isWhole {
        if entry.means.count == StatusHistory.nodeCapacity { entry.means.removeFirst() }
        entry.means.append(entry.sum / Double(entry.count))
        (entry.sum, entry.count) = (0, 0)
      }
      next[node.id] = entry
    }
    rates = next
  }

  /// The nodes' rates, oldest first, and whether the last second was the end of an interval.
  func means(of node: Principal) -> [Double] { rates[node]?.means ?? [] }
  var endsInterval: Bool { second % StatusHistory.nodeInterval == 0 }

  /// All of it. O(samples + nodes).
  func write(to json: inout JSONText, nodes: [Principal]) {
    json.object { json in
      json.field("interval_seconds", 1)
      json.name("requests_per_second")
      json.array(samples) { $0.number($1.requestsPerSecond) }
      json.name("latency_p99_us")
      json.array(samples) { json, sample in
        if let latency = sample.latencyP99 { json.number(latency) } else { json.raw("null") }
      }
      json.name("keys")
      json.array(samples) { $0.number($1.keys) }
      json.name("bytes")
      json.array(samples) { $0.number($1.bytes) }
      json.field("node_interval_seconds", StatusHistory.nodeInterval)
      json.name("nodes")
      json.array(nodes) { json, node in
        json.object { json in
          json.field("id", node.text)
          json.name("requests_per_second")
          json.array(means(of: node)) { $0.number($1.rounded()) }
        }
      }
    }
  }
}
