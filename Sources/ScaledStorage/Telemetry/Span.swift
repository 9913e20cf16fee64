import HTTPTransport

/// A request's part of a trace, while it is being answered.
final class Span {
  /// The trace, and this span's own id.
  let context: TraceContext
  /// The span that asked; nil for the first of a trace.
  let parent: UInt64?
  let start: MonotonicTime
  /// Attempts to have the request answered by another node.
  private(set) var hops: [Hop] = []
  /// The commit that made the request's change durable.
  var commit: (start: MonotonicTime, end: MonotonicTime)?

  struct Hop {
    let id: UInt64
    let node: String
    let start: MonotonicTime
    var end: MonotonicTime?
    /// The answer's status; 0 without one.
    var status = 0
  }

  /// More attempts than these are not told of.
  private static let mostHops = 32

  /// - Parameter asked: what came with the request; nil begins a trace.
  init(_ asked: TraceContext?, start: MonotonicTime) {
    var context = asked ?? .root()
    context.span = .random(in: 1 ... .max)
    self.context = context
    parent = asked?.span
    self.start = start
  }

  static func of(_ exchange: Exchange) -> Span? {
    guard let span = exchange.span else { return nil }
    return span as? Span
  }

  func beginHop(to node: String, at time: MonotonicTime) {
    guard hops.count < Span.mostHops else { return }
    hops.append(Hop(id: .random(in: 1 ... .max), node: node, start: time))
  }

  func endHop(_ status: Int, at time: MonotonicTime) {
    guard let last = hops.indices.last, hops[last].end == nil else { return }
    hops[last].end = time
    hops[last].status = status
  }

  /// What the other node is told.
  var hopContext: TraceContext {
    var hop = context
    hop.span = hops.last?.id ?? context.span
    return hop
  }
}

/// A span that has ended.
struct SpanRecord: Sendable {
  /// As OTLP numbers them.
  enum Kind: Int, Sendable {
    case `internal` = 1
    case server = 2
    case client = 3
  }

  var context: TraceContext
  var parent: UInt64?
  var kind: Kind
  var name: String
  /// Nanoseconds since 1970.
  var start: UInt64
  var end: UInt64
  /// Of the answer; 0 without one, nil where there is none to be.
  var status: Int?
  /// The node that was asked.
  var node: String?
}
