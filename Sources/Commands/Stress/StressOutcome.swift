/// What a stress test found.
struct StressOutcome: Encodable {
  struct Phase: Encodable {
    var requests: UInt64
    var seconds: Double
    var perSecond: Double
    var latency: Latencies.Summary

    init(_ latencies: Latencies, seconds: Double) {
      requests = latencies.count
      self.seconds = seconds
      perSecond = seconds > 0 ? Double(latencies.count) / seconds : 0
      latency = latencies.summary
    }

    func text(_ name: String) -> String {
      "\(name): \(Figures.grouped(requests)) in \(Figures.fixed(seconds, places: 2)) s, "
        + "\(Figures.fixed(perSecond, places: 0))/s; \(latency.text)\n"
    }
  }

  var seed: UInt64
  var writes: Phase
  var reads: Phase
  /// How long the cluster took to stop growing; nil when it did not in time.
  var settleSeconds: Double?
  var nodes: Int
  var keysPerNode: [UInt64]
  var keysBefore: UInt64
  var keysExpected: UInt64
  var keysStored: UInt64
  var differing: Int
  /// What went wrong, in sentences.
  var faults: [String]
  var pass: Bool

  var text: String {
    let greatest = keysPerNode.max() ?? 0
    let mean = keysPerNode.isEmpty ? 0 : Double(keysStored) / Double(keysPerNode.count)
    let ratio = mean > 0 ? Double(greatest) / mean : 0
    var text = "seed \(seed)\n" + writes.text("writes")
    if let settleSeconds {
      text += "settled after \(Figures.fixed(settleSeconds, places: 1)) s\n"
    }
    text += reads.text("reads")
    text +=
      "\(nodes) node\(nodes == 1 ? "" : "s"); keys per node: max \(Figures.grouped(greatest)), "
      + "min \(Figures.grouped(keysPerNode.min() ?? 0)), mean \(Figures.fixed(mean, places: 1)), "
      + "max/mean \(Figures.fixed(ratio, places: 3))\n"
    text +=
      "stored \(Figures.grouped(keysStored)) keys, expected \(Figures.grouped(keysExpected)); "
      + "\(differing) values differ\n"
    for fault in faults { text += fault + "\n" }
    return text + (pass ? "PASS\n" : "FAIL\n")
  }
}
