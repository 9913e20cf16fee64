import Candid
import Cluster
import HTTPTransport
import WireProtocol

extension NodeServer {
  /// `metrics`: figures of the node in Prometheus' text format.
  func metrics(_ exchange: Exchange) throws(Problem) -> Disposition {
    guard exchange.method == .get || exchange.method == .head else {
      throw .methodNotAllowed(allow: "GET, HEAD", "read the metrics by GET")
    }
    let pending = try later(exchange)
    runtime.slowFigures.read { [weak self] slow in
      guard let self, let server else { return }
      var answer = Answer(
        status: 200, contentType: MetricsText.contentType,
        body: Array(metricsText(slow, server).utf8))
      stamp(&answer)
      pending.answer(answer)
    }
    return pending.disposition()
  }

  private func metricsText(_ slow: SlowFigures, _ server: HTTPServer) -> String {
    let info = runtime.nodeInfo
    var text = MetricsText(labels: info.node.map { [("node", $0.text)] } ?? [])
    ServiceMetrics(
      server: server, kinds: runtime.kinds, meter: runtime.meter, loop: server.loop,
      tls: runtime.tls, role: "node", startedAt: runtime.startedAt
    ).write(slow, to: &text)
    writeRing(info, to: &text)
    writeData(info, to: &text)
    writeHandover(info.handover, to: &text)
    writeBackups(to: &text)
    writeModule(info, to: &text)
    forwarder.counts.write(to: &text)
    runtime.tracer.write(to: &text)
    return text.text
  }

  private func writeRing(_ info: NodeInfo, to text: inout MetricsText) {
    text.add(
      "scaled_storage_serving", .gauge, "1 while the node answers requests for keys.",
      info.status.isServing ? 1 as UInt64 : 0)
    text.add(
      "scaled_storage_fenced", .gauge,
      "1 while the node answers for no key, since it cannot tell that its identity is its own.",
      info.node != nil && runtime.node.isFenced ? 1 as UInt64 : 0)
    text.begin("scaled_storage_status_info", .gauge, "The node's status.")
    text.info([("status", info.status.name)])
    text.add("scaled_storage_ring_epoch", .gauge, "The epoch of the ring.", info.epoch)
    text.add(
      "scaled_storage_ring_revision", .gauge, "The revision of the cluster's map.", info.revision)
    text.add(
      "scaled_storage_ring_members", .gauge, "Members of the ring.", UInt64(info.allNodes.count))
    text.begin("scaled_storage_ring_info", .gauge, "The digest of the ring, as of all that agree.")
    text.info([("digest", info.ringDigest)])
  }

  private func writeData(_ info: NodeInfo, to text: inout MetricsText) {
    text.add("scaled_storage_keys", .gauge, "Live keys.", info.size)
    text.add("scaled_storage_bytes", .gauge, "Bytes of live keys and values.", info.bytes)
    let cache = runtime.node.cacheFigures
    text.add(
      "scaled_storage_value_cache_hits_total", .counter, "Values that were found in memory.",
      cache.hits)
    text.add(
      "scaled_storage_value_cache_misses_total", .counter, "Values that the store was asked for.",
      cache.misses)
    text.add(
      "scaled_storage_value_cache_bytes", .gauge, "Memory of the cache of values.",
      UInt64(max(0, cache.bytes)))
    text.add(
      "scaled_storage_value_cache_limit_bytes", .gauge, "What the cache of values may hold.",
      UInt64(max(0, cache.limit)))
    let commits = runtime.node.commitTimes
    text.begin(
      "scaled_storage_commit_duration_seconds", .histogram,
      "How long writes took to become durable; one commit serves the writes of a turn.")
    text.histogram(bounds: CommitTimes.bounds, buckets: commits.buckets, sum: commits.sum)
    text.add(
      "scaled_storage_commits_failed_total", .counter, "Commits that failed.", commits.failures)
  }

  /// Before the first backup since the start there is no sample: a zero would look like an old one.
  private func writeBackups(to text: inout MetricsText) {
    text.begin(
      "scaled_storage_backup_completed_timestamp_seconds", .gauge,
      "When data was set aside here for the last backup that was completed since the start, in "
        + "seconds since 1970.")
    if let completed = runtime.backups.completed { text.sample(Double(completed) / 1_000) }
  }

  private func writeHandover(_ handover: HandoverStatus?, to text: inout MetricsText) {
    text.add(
      "scaled_storage_handover_active", .gauge, "1 while keys move from or to this node.",
      handover == nil ? 0 as UInt64 : 1)
    text.add(
      "scaled_storage_purging", .gauge, "1 while keys that moved away are being removed.",
      runtime.node.isPurging ? 1 as UInt64 : 0)
    guard let handover else { return }
    text.begin("scaled_storage_handover_phase_info", .gauge, "The phase of the handover.")
    text.info([("phase", handover.phase)])
    text.add("scaled_storage_handover_sent_keys", .gauge, "Keys that were sent.", handover.sentKeys)
    text.add(
      "scaled_storage_handover_backlog_keys", .gauge,
      "Keys that changed since they were sent, and so are sent again.", handover.backlog)
    guard let progress = handover.progress else { return }
    text.add(
      "scaled_storage_handover_remaining_keys", .gauge, "Keys still to be looked at.",
      progress.keys > progress.scannedKeys ? progress.keys - progress.scannedKeys : 0)
    text.add(
      "scaled_storage_handover_sent_bytes", .gauge, "Bytes that were sent.", progress.sentBytes)
    text.add(
      "scaled_storage_handover_remaining_bytes", .gauge,
      "About how many bytes are still to be sent.",
      progress.expectedBytes > progress.sentBytes ? progress.expectedBytes - progress.sentBytes : 0)
  }

  private func writeModule(_ info: NodeInfo, to text: inout MetricsText) {
    text.add(
      "scaled_storage_fuel_budget_remaining", .gauge,
      "Fuel that calls of the module may still use now.", info.cyclesBalance)
    text.add(
      "scaled_storage_fuel_budget_per_second", .gauge,
      "Fuel that calls of the module may use in a second.", runtime.modules.budget.perSecond)
    text.add(
      "scaled_storage_fuel_used_total", .counter, "Fuel that calls of the module have used.",
      runtime.modules.meter.fuelUsed)
    text.begin("scaled_storage_module_info", .gauge, "The module that is wanted here.")
    if let digest = info.moduleSHA256 { text.info([("sha256", digest)]) }
    let uses = runtime.modules.meter.methodUses
    guard !uses.isEmpty else { return }
    text.begin("scaled_storage_module_calls_total", .counter, "Calls of methods.")
    for (name, use) in uses { text.sample(use.calls, [("method", name)]) }
    text.begin(
      "scaled_storage_module_failures_total", .counter,
      "Calls of methods that failed; those that the method rejected do not count.")
    for (name, use) in uses { text.sample(use.failures, [("method", name)]) }
    text.begin("scaled_storage_module_fuel_total", .counter, "Fuel used by methods.")
    for (name, use) in uses { text.sample(use.fuel, [("method", name)]) }
  }
}
