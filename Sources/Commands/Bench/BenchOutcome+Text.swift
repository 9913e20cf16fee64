/// The outcome for people.
extension BenchOutcome {
  var text: String {
    headline + summaryLines + timesTable + troubleLines + processors.map(line).joined()
  }

  private func line(_ processor: Processor) -> String {
    let microseconds = Double(processor.cpuNsPerRequest) / 1_000
    let cores = Double(processor.cpuNs) / 1e9 / max(seconds, 1e-9)
    return "\(processor.name): \(Figures.fixed(microseconds, places: 2)) µs of processor time a "
      + "request, \(Figures.fixed(cores, places: 2)) cores\n"
  }

  private var headline: String {
    var text = "\(target), \(loop) loop"
    if let ratePerSecond {
      text += " with \(Figures.fixed(ratePerSecond, places: 0)) requests/s"
      if arrivals == ArrivalSchedule.Process.poisson.rawValue { text += " (Poisson)" }
    }
    text += ": \(BenchOutcome.count(connections, "connection")) x "
    text += BenchOutcome.count(streams, "stream")
    if threads > 1 { text += ", \(threads) threads" }
    text += "\n\(BenchOutcome.count(Int(clamping: keys), "key")), \(distribution)"
    if let zipfExponent { text += " \(Figures.fixed(zipfExponent, places: 2))" }
    if let call {
      text += ", calls of \(call)"
    } else {
      text += ", \(Figures.fixed(readRatio * 100, places: 1))% reads"
    }
    if readRatio < 1, call == nil || valueBytesMax > 0 {
      text += ", values of \(Figures.grouped(valueBytesMin))"
      if valueBytesMax > valueBytesMin { text += " to \(Figures.grouped(valueBytesMax))" }
      text += " bytes"
    }
    return text + ", seed \(seed)\n"
  }

  private static func count(_ number: Int, _ noun: String) -> String {
    "\(Figures.grouped(number)) \(noun)\(number == 1 ? "" : "s")"
  }

  private var summaryLines: String {
    "\(Figures.grouped(requests)) requests in \(Figures.fixed(seconds, places: 2)) s: "
      + "\(Figures.fixed(perSecond, places: 0))/s, \(Figures.grouped(failed)) failed; "
      + "bodies: \(BenchOutcome.rate(receivedBytesPerSecond)) received, "
      + "\(BenchOutcome.rate(sentBytesPerSecond)) sent\n"
      + clientLine
      + (interrupted ? "interrupted: this is what there was until then\n" : "")
  }

  private var clientLine: String {
    guard let extraHopsPer1000, let retries else { return "" }
    return "\(Figures.fixed(extraHopsPer1000, places: 2)) extra hops per 1,000 requests, "
      + "\(Figures.grouped(retries)) retries\n"
  }

  private static func rate(_ perSecond: Double) -> String {
    "\(Figures.bytes(UInt64(max(perSecond, 0))))/s"
  }

  private var timesTable: String {
    var table = TextTable(
      "", "#COUNT", "#MEAN", "#STDEV", "#P50", "#P90", "#P99", "#P99.9", "#P99.99", "#MAX")
    func add(_ name: String, _ count: UInt64, _ times: Latencies.Summary) {
      table.add(
        name, Figures.grouped(count), Figures.time(times.mean), Figures.time(times.stdev),
        Figures.time(times.p50), Figures.time(times.p90), Figures.time(times.p99),
        Figures.time(times.p999), Figures.time(times.p9999), Figures.time(times.max))
    }
    for (name, operation) in [("reads", reads), (call == nil ? "writes" : "calls", writes)] {
      guard let operation else { continue }
      if let service = operation.service {
        add("\(name), response time", operation.succeeded + operation.behind, operation.response)
        add("\(name), service time", operation.succeeded, service)
      } else {
        add(name, operation.succeeded + operation.behind, operation.response)
      }
    }
    return table.text
  }

  private var troubleLines: String {
    var text = ""
    if gaveUp || behind > 0 {
      text += "the target could not keep up: \(Figures.grouped(behind)) requests behind"
      text += gaveUp ? ", more than --max-behind allows, so it ended early\n" : " at the end\n"
    }
    for (status, count) in statuses.sorted(by: { $0.key < $1.key }) where !status.hasPrefix("2") {
      text += "failed with status \(status): \(Figures.grouped(count))\n"
    }
    for (cause, count) in transportErrors.sorted(by: { $0.key < $1.key }) {
      text += "failed without an answer (\(cause)): \(Figures.grouped(count))\n"
    }
    if let firstFailure { text += "first failure: \(firstFailure)\n" }
    if resent > 0 { text += "sent again, unprocessed: \(Figures.grouped(resent))\n" }
    if reconnected > 0 { text += "connections replaced: \(Figures.grouped(reconnected))\n" }
    let saturated = [reads, writes].compactMap { $0 }.reduce(0) { $0 + $1.response.saturated }
    if saturated > 0 { text += "times beyond an hour, counted as one: \(saturated)\n" }
    return text
  }
}
