package import HTTPTransport
import Storage

/// The figures that nodes and gateways have in common.
package struct ServiceMetrics {
  package let server: HTTPServer
  package let kinds: RequestKinds
  package let meter: WorkMeter
  package let loop: EventLoop
  package let tls: TLSContext?
  /// `node` or `gateway`.
  package let role: String
  package let startedAt: Double

  package init(
    server: HTTPServer, kinds: RequestKinds, meter: WorkMeter, loop: EventLoop, tls: TLSContext?,
    role: String, startedAt: Double
  ) {
    self.server = server
    self.kinds = kinds
    self.meter = meter
    self.loop = loop
    self.tls = tls
    self.role = role
    self.startedAt = startedAt
  }

  package func write(_ slow: SlowFigures, to text: inout MetricsText) {
    text.begin("scaled_storage_build_info", .gauge, "The program's version and what it is.")
    text.info([("version", scaledStorageVersion), ("role", role)])
    writeProcess(slow.process, to: &text)
    writeLoop(to: &text)
    writeRequests(to: &text)
    writeServer(to: &text)
    text.add(
      "scaled_storage_log_lines_dropped_total", .counter,
      "Lines of the log that nobody took from standard error.",
      LostLogLines.count)
    if let expiry = tls?.expiry {
      text.add(
        "scaled_storage_tls_certificate_expiry_timestamp_seconds", .gauge,
        "When the certificate that is served ends, in seconds since 1970.", Double(expiry))
    }
    for figure in slow.store {
      text.add(
        "scaled_storage_store_\(figure.name)", figure.name.hasSuffix("_total") ? .counter : .gauge,
        figure.help, figure.value)
    }
  }

  private func writeProcess(_ process: ProcessFigures, to text: inout MetricsText) {
    text.add(
      "process_start_time_seconds", .gauge, "When the process began, in seconds since 1970.",
      startedAt)
    text.add(
      "process_cpu_seconds_total", .counter, "Processor time of the process.",
      process.processorSeconds)
    text.add(
      "process_resident_memory_bytes", .gauge, "Memory that the process has.",
      process.residentBytes)
    text.add("process_open_fds", .gauge, "Open file descriptors.", process.openDescriptors)
    text.add(
      "process_max_fds", .gauge, "The most file descriptors there may be.",
      process.maximumDescriptors)
  }

  private func writeLoop(to text: inout MetricsText) {
    let unused = Double(meter.unusedNanoseconds) / 1e9
    text.add(
      "scaled_storage_event_loop_utilisation_ratio", .gauge,
      "The share of its core that the loop used in the last second, 0 to 1.", 1 - unused)
    text.add(
      "scaled_storage_event_loop_cpu_seconds_total", .counter,
      "Processor time of the loop's thread.", Double(WorkMeter.threadNanoseconds) / 1e9)
    let turns = loop.turnTimes
    text.begin(
      "scaled_storage_event_loop_turn_duration_seconds", .histogram,
      "How long the loop's turns took: nobody is answered meanwhile.")
    text.histogram(bounds: TurnTimes.bounds, buckets: turns.buckets, sum: turns.sum)
    text.add(
      "scaled_storage_event_loop_longest_turn_seconds", .gauge, "The longest turn so far.",
      Double(turns.longest) / 1e9)
  }

  private func writeRequests(to text: inout MetricsText) {
    let totals = server.answerTimes.totals
    let figures = kinds.names.enumerated().map { place, name in
      (name: name, figures: totals.figures(of: UInt8(place)))
    }.filter { !$0.figures.byStatus.isEmpty }
    text.begin(
      "scaled_storage_requests_total", .counter,
      "Answers by method and status; status 0 stands for rare ones.")
    for (name, figures) in figures {
      for (status, count) in figures.byStatus {
        text.sample(count, [("method", name), ("status", String(status))])
      }
    }
    text.begin(
      "scaled_storage_request_duration_seconds", .histogram,
      "How long answers took, from when the request had arrived.")
    for (name, figures) in figures {
      text.histogram(
        bounds: AnswerCounts.bounds, buckets: figures.buckets, sum: figures.sum,
        [("method", name)])
    }
  }

  private func writeServer(to text: inout MetricsText) {
    let figures = server.figures
    text.begin(
      "scaled_storage_requests_refused_total", .counter,
      "Requests that were refused before they were carried out, by the reason.")
    for (reason, count) in figures.refusals { text.sample(count, [("reason", reason)]) }
    let totals = server.answerTimes.totals
    text.sample(totals.count(ofStatus: 429), [("reason", "rate_limited")])
    text.sample(
      totals.count(ofStatus: 401) &+ totals.count(ofStatus: 403), [("reason", "unauthorised")])
    text.sample(totals.count(ofStatus: 507), [("reason", "disk_full")])
    text.add(
      "scaled_storage_requests_abandoned_total", .counter,
      "Requests whose clients went before they were answered.", figures.abandoned)
    text.add(
      "scaled_storage_requests_waiting", .gauge, "Requests that are being carried out.",
      UInt64(max(0, figures.waiting)))
    text.add(
      "scaled_storage_open_streams", .gauge,
      "Requests that have come in part or whole and are not answered in full.",
      UInt64(max(0, figures.openStreams)))
    text.add(
      "scaled_storage_connections", .gauge, "Open connections.", UInt64(max(0, figures.connections))
    )
    text.add(
      "scaled_storage_connections_accepted_total", .counter, "Connections that were accepted.",
      figures.accepted)
    text.add(
      "scaled_storage_buffered_bytes", .gauge, "Bytes of requests and answers that are held.",
      UInt64(max(0, figures.bufferedBytes)))
    text.add(
      "scaled_storage_buffered_limit_bytes", .gauge, "Bytes that may be held.",
      UInt64(max(0, figures.maxBufferedBytes)))
  }
}
