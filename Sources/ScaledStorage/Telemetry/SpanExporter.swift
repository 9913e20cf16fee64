import HTTPTransport
import Logging

/// Hands spans to a collector by OTLP/HTTP, some at once, by a thread of its own. What the
/// collector does not take in time is dropped and counted: no request ever waits for it.
final class SpanExporter {
  private let loop: EventLoop
  private let endpoint: HTTPEndpoint
  private let service: String
  private let interval: Duration
  private let logger: Logger
  private var queue: [SpanRecord] = []
  private var isScheduled = false
  private var isExporting = false
  private var hasFailed = false
  private(set) var exported: UInt64 = 0
  /// For want of room, and because the collector did not take them.
  private(set) var droppedFull: UInt64 = 0
  private(set) var droppedFailed: UInt64 = 0
  /// How this program is told from others of its kind.
  var instance = ""

  private static let capacity = 4_096
  private static let batch = 512
  private static let patience = Duration.seconds(5)

  init(
    loop: EventLoop, endpoint: HTTPEndpoint, service: String, interval: Duration, logger: Logger
  ) {
    self.loop = loop
    self.endpoint = endpoint
    self.service = service
    self.interval = interval
    self.logger = logger
  }

  func add(_ span: SpanRecord) {
    guard queue.count < SpanExporter.capacity else {
      droppedFull &+= 1
      return
    }
    queue.append(span)
    if queue.count >= SpanExporter.batch {
      export()
    } else if !isScheduled {
      isScheduled = true
      loop.schedule(after: interval) { [weak self] in
        self?.isScheduled = false
        self?.export()
      }
    }
  }

  private func export() {
    guard !isExporting, !queue.isEmpty else { return }
    isExporting = true
    let spans = Array(queue.prefix(SpanExporter.batch))
    queue.removeFirst(spans.count)
    let target = LoopBound(
      { [weak self] (failure: String?) in self?.ended(spans.count, failure) }, loop: loop)
    let mailbox = loop.mailbox
    let hasStarted = DetachedThread.start { [endpoint, service, instance] in
      let body = OTLPDocument.encode(spans, service: service, instance: instance)
      let failure = SpanExporter.send(body, to: endpoint)
      mailbox.post { target.value(failure) }
    }
    if !hasStarted { ended(spans.count, "the system gives no thread") }
  }

  private static func send(_ body: [UInt8], to endpoint: HTTPEndpoint) -> String? {
    do throws(TransportError) {
      let status = try BlockingPost.send(
        body, contentType: "application/json", to: endpoint, target: path(of: endpoint),
        limit: patience)
      return (200..<300).contains(status) ? nil : "\(endpoint) answered \(status)"
    } catch {
      return error.message
    }
  }

  /// The endpoint is the base of the paths for each signal.
  private static func path(of endpoint: HTTPEndpoint) -> String {
    endpoint.target.hasSuffix("/v1/traces") ? endpoint.target : endpoint.target(for: "/v1/traces")
  }

  private func ended(_ count: Int, _ failure: String?) {
    isExporting = false
    if let failure {
      droppedFailed &+= UInt64(count)
      if !hasFailed { logger.warning("traces are not taken, and so dropped: \(failure)") }
    } else {
      exported &+= UInt64(count)
      if hasFailed { logger.notice("traces are taken again") }
    }
    hasFailed = failure != nil
    if queue.count >= SpanExporter.batch { export() } else if !queue.isEmpty { scheduleRest() }
  }

  private func scheduleRest() {
    guard !isScheduled else { return }
    isScheduled = true
    loop.schedule(after: interval) { [weak self] in
      self?.isScheduled = false
      self?.export()
    }
  }
}
