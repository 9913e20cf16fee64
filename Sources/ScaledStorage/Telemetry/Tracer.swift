package import HTTPTransport
package import Logging

/// What a service tells of single requests.
package struct TracingSettings: Sendable {
  /// The collector of traces; nil for none.
  package var endpoint: HTTPEndpoint?
  /// The share of requests without a trace of their own that are traced.
  package var sample: Double
  /// How long a request may take before the log tells of it; nil for ever.
  package var slow: Duration?
  /// How long spans are gathered before they are sent.
  package var interval = Duration.seconds(1)

  package init(endpoint: HTTPEndpoint? = nil, sample: Double = 0, slow: Duration? = nil) {
    self.endpoint = endpoint
    self.sample = sample
    self.slow = slow
  }
}

/// Follows requests through the program: by traces, and by the log where they fail or take long.
package final class Tracer {
  private let kinds: RequestKinds
  private let logger: Logger
  private let loop: EventLoop
  private let settings: TracingSettings
  private let exporter: SpanExporter?
  private let isTracing: Bool
  private let isSampling: Bool
  /// Methods that keep the cluster going: only who asks for it has them traced.
  private let quiet: Set<String>
  /// Lines of this second of the log, and those that were left out.
  private var second: UInt64 = 0
  private var lines = 0
  private var leftOut = 0

  private static let mostLines = 20

  /// Spans of this second that others asked for.
  private var askedSecond: UInt64 = 0
  private var asked = 0

  /// Any client can ask for its trace to be recorded. Beyond so many a second it is passed on only.
  package static let mostAskedSpans = 1_000

  /// - Parameters:
  ///   - service: the program's name for the collector.
  ///   - quiet: methods of which no traces are begun here.
  package init(
    loop: EventLoop, settings: TracingSettings, service: String, kinds: RequestKinds,
    quiet: [String], logger: Logger
  ) {
    self.quiet = Set(quiet)
    self.loop = loop
    self.settings = settings
    self.kinds = kinds
    self.logger = logger
    exporter = settings.endpoint.map { endpoint in
      SpanExporter(
        loop: loop, endpoint: endpoint, service: service, interval: settings.interval,
        logger: logger)
    }
    isTracing = exporter != nil
    isSampling = settings.sample > 0
  }

  /// Has `server` tell of its answers.
  package func follow(_ server: HTTPServer) {
    server.observe(by: self, slowerThan: settings.slow)
  }

  /// Begins the span of a request that has come, if its trace is recorded.
  @inline(__always)
  package func begin(_ exchange: Exchange) {
    if isTracing { beginSpan(exchange) }
  }

  private func beginSpan(_ exchange: Exchange) {
    if let context = TraceContext(of: exchange) {
      if context.isSampled, mayRecord(at: loop.now) {
        exchange.span = Span(context, start: loop.now)
      }
    } else if isSampling, Double.random(in: 0..<1) < settings.sample,
      !quiet.contains(exchange.methodName)
    {
      exchange.span = Span(nil, start: loop.now)
    }
  }

  /// Whether one more span that was asked for is recorded in this second.
  package func mayRecord(at now: MonotonicTime) -> Bool {
    let second = now.nanoseconds / 1_000_000_000
    if second != askedSecond { (askedSecond, asked) = (second, 0) }
    guard asked < Tracer.mostAskedSpans else { return false }
    asked += 1
    return true
  }

  /// How this program is told from others of its kind.
  package func name(_ instance: String) { exporter?.instance = instance }

  package func write(to text: inout MetricsText) {
    text.add(
      "scaled_storage_spans_exported_total", .counter, "Spans that the collector has taken.",
      exporter?.exported ?? 0)
    text.begin(
      "scaled_storage_spans_dropped_total", .counter, "Spans that were dropped, by the reason.")
    text.sample(exporter?.droppedFull ?? 0, [("reason", "queue_full")])
    text.sample(exporter?.droppedFailed ?? 0, [("reason", "not_taken")])
  }

  // MARK: - The log

  private func log(_ exchange: Exchange, _ id: String) {
    let now = loop.now.nanoseconds / 1_000_000_000
    if now != second {
      if leftOut > 0 {
        logger.warning("\(leftOut) more requests failed or took long in that second")
      }
      (second, lines, leftOut) = (now, 0, 0)
    }
    guard lines < Tracer.mostLines else {
      leftOut += 1
      return
    }
    lines += 1
    let milliseconds = exchange.waited / .milliseconds(1)
    let name = kinds.names[Int(exchange.kind)]
    var fields: Logger.Metadata = [
      "method": "\(name)", "status": .stringConvertible(exchange.status),
      "milliseconds": .stringConvertible((milliseconds * 10).rounded() / 10),
      "request_id": "\(id)", "peer": "\(exchange.peer)",
    ]
    let trace = Span.of(exchange)?.context ?? TraceContext(of: exchange)
    if let trace { fields["trace_id"] = "\(trace.traceText)" }
    let code = exchange.withAnswerField("ss-error") { String(decoding: $0, as: UTF8.self) }
    if let code { fields["code"] = "\(code)" }
    let isError = exchange.status >= 500
    logger.log(
      level: isError ? .warning : .notice,
      isError ? "a request failed" : "a request took long", metadata: fields)
  }

  // MARK: - Spans

  private func record(_ span: Span, _ exchange: Exchange) {
    guard let exporter else { return }
    let now = loop.now
    let wall = WallClock.nanoseconds
    let unix = { (time: MonotonicTime) -> UInt64 in
      wall &- (now.nanoseconds &- min(time.nanoseconds, now.nanoseconds))
    }
    let name = kinds.names[Int(exchange.kind)]
    exporter.add(
      SpanRecord(
        context: span.context, parent: span.parent, kind: .server, name: name,
        start: unix(span.start), end: wall, status: exchange.status))
    for hop in span.hops {
      var context = span.context
      context.span = hop.id
      exporter.add(
        SpanRecord(
          context: context, parent: span.context.span, kind: .client, name: name,
          start: unix(hop.start), end: unix(hop.end ?? now), status: hop.status, node: hop.node))
    }
    if let commit = span.commit {
      var context = span.context
      context.span = .random(in: 1 ... .max)
      exporter.add(
        SpanRecord(
          context: context, parent: span.context.span, kind: .internal, name: "store commit",
          start: unix(commit.start), end: unix(commit.end)))
    }
  }
}

extension Tracer: AnswerObserver {
  package func answering(_ exchange: Exchange) {
    if exchange.isTimed {
      let isError = exchange.status >= 500
      let answered = exchange.withAnswerField(RequestID.field) {
        String(decoding: $0, as: UTF8.self)
      }
      let id = answered ?? RequestID.given(exchange) ?? RequestID.make()
      // Who complains of an error can name the line of the log.
      if isError, answered == nil { exchange.setHeader(RequestID.field, id) }
      if isError || settings.slow.map({ exchange.waited > $0 }) == true { log(exchange, id) }
    }
    if let span = Span.of(exchange) { record(span, exchange) }
  }
}
