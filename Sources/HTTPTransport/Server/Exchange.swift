/// One request and its answer.
///
/// Exchanges are pooled: the object and its buffers serve other requests later, so nothing but the
/// ``token`` may be kept when the handler returns.
public final class Exchange {
  enum Phase {
    case receiving, handling, awaiting, answering, free
  }

  /// Where a field lies in the arena of request fields.
  struct FieldRange: BitwiseCopyable {
    var nameStart: Int
    var nameEnd: Int
    var valueEnd: Int
  }

  /// A field of the answer. Static names and values are not copied.
  struct ResponseField: BitwiseCopyable {
    /// Nil when the name lies in the arena.
    var staticName: UnsafePointer<UInt8>?
    var nameStart = 0
    var nameEnd = 0
    /// Nil when the value lies in the arena.
    var staticValue: UnsafePointer<UInt8>?
    var valueStart = 0
    var valueEnd = 0

    init() {}

    init(name: StaticString) {
      staticName = name.utf8Start
      nameEnd = name.utf8CodeUnitCount
    }
  }

  // MARK: The request

  // Other modules would check each use of a stored property at run time.
  public internal(set) var method: HTTPMethod {
    get { requestMethod }
    set { requestMethod = newValue }
  }
  @exclusivity(unchecked) private var requestMethod = HTTPMethod.get
  @exclusivity(unchecked) public internal(set) var version = HTTPVersion.http1
  /// The request's body, empty when it had none. A copy: O(size).
  public var body: [UInt8] { Array(requestBody.bytes) }
  let requestBody = ByteArena()

  /// The raw target, such as `/kv/a%20b?ttl=5`.
  let target = ByteArena()
  var queryStart: Int?
  let requestBytes = ByteArena()
  let requestFields = PlainList<FieldRange>(capacity: 16)

  // MARK: The answer

  /// The status to answer with, 200 to 599; anything else is sent as 500.
  public var status: Int {
    get { answerStatus }
    set { answerStatus = newValue }
  }
  @exclusivity(unchecked) private var answerStatus = 200
  /// The body as the handler gave it; empty when it was written to ``responseArena``.
  var givenBody: [UInt8] = []
  let responseArena = ByteArena()
  /// Bytes of the answer's body.
  var responseCount = 0
  let responseBytes = ByteArena()
  let responseFields = PlainList<ResponseField>(capacity: 8)

  // MARK: The transport's own state

  var phase = Phase.free
  /// Set while the connection lists this exchange, or its fields are queued there; so it never
  /// dangles.
  unowned(unsafe) var connection: Connection?
  /// HTTP/2's stream id, or the request's number on an HTTP/1.1 connection.
  var stream: UInt32 = 0
  /// The neighbours in the list that this exchange is in.
  var previous: Unmanaged<Exchange>?
  var next: Unmanaged<Exchange>?
  /// Why the transport answers by itself.
  var rejection: Rejection?
  var headersComplete = false
  var requestComplete = false
  var headerBytes = 0
  var contentLength: Int?
  var progressDeadline = MonotonicTime(nanoseconds: .max)
  var progressMark = 0
  /// The answer is sent, and the stream is reset when the deadline passes.
  var awaitsReset = false
  /// Bytes of the request's body that its connection counts as held.
  var received = 0
  /// Bytes that this exchange takes of the server's budget.
  var charged = 0
  /// Bytes of the answer's body handed to the connection.
  var bodySent = 0
  /// The HTTP/1.1 head, and how much of it was handed over.
  let head = ByteArena()
  var headSent = 0
  var keepAlive = true
  /// Who fetches the answer from elsewhere. It is told when nobody waits for it any more. Its owner
  /// keeps it, and clears this when it goes away.
  unowned(unsafe) var relay: Relay?
  /// The body, when it goes on after the answer has begun.
  @exclusivity(unchecked) var outflow: AnswerStream?
  /// The length of the body that a HEAD request's answer stands for.
  var announcedLength: Int?
  /// Whether the request has a field that may carry the cluster's credential.
  @exclusivity(unchecked) public internal(set) var carriesCredential = false
  /// When the client stops waiting (`ss-deadline`); nil when it did not tell.
  @exclusivity(unchecked) public internal(set) var deadline: MonotonicTime?
  /// Since when the request may have waited.
  @exclusivity(unchecked) var arrival = MonotonicTime(nanoseconds: 0)
  /// Whether its answer's time is one that users wait for.
  @exclusivity(unchecked) var isTimed = false
  /// What the answer is counted as, less than ``AnswerCounts/maximumKinds``: the handler's to say.
  @exclusivity(unchecked) package var kind: UInt8 = 0
  /// The connection's flush in which the answer was queued.
  var submittedEpoch: UInt64 = 0

  init() {}

  /// Names this exchange for ``HTTPServer/exchange(_:)``.
  public var token: ExchangeToken {
    ExchangeToken(
      slot: connection?.slot ?? .max, generation: connection?.generation ?? 0, stream: stream)
  }

  /// Who sent the request.
  public var peer: SocketAddress { connection?.peer ?? SocketAddress(ipv4: 0, port: 0) }

  /// The target before the `?`, still percent-encoded. It starts with `/`, or is `*`.
  public var path: ArraySlice<UInt8> { withTarget { path, _ in Array(path)[...] } }

  /// The target after the first `?`, still percent-encoded; empty without one.
  public var query: ArraySlice<UInt8> { withTarget { _, query in Array(query)[...] } }

  /// The whole target, still percent-encoded.
  public var rawTarget: [UInt8] { Array(target.bytes) }

  /// The first value of a field, nil when it is absent. `name` is lower-case; HTTP/2's
  /// `:authority` is found as `host`.
  public func header(_ name: StaticString) -> String? {
    withHeader(name) { value in String(decoding: value, as: UTF8.self) }
  }

  /// The first value's bytes. `name` is lower-case.
  public func headerBytes(_ name: StaticString) -> [UInt8]? {
    withHeader(name) { value in [UInt8](value) }
  }

  /// Hands the first value to `body` without copying it, or returns nil when the field is absent.
  public func withHeader<Result>(
    _ name: StaticString, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    for field in requestFields.elements
    where requestBytes[field.nameStart..<field.nameEnd].equals(name) {
      return body(requestBytes[field.nameEnd..<field.valueEnd])
    }
    return nil
  }

  /// Hands every field to `body`, names in lower case, in the order of arrival.
  public func forEachHeader(
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
  ) {
    for field in requestFields.elements {
      body(
        requestBytes[field.nameStart..<field.nameEnd],
        requestBytes[field.nameEnd..<field.valueEnd])
    }
  }

  /// Holds the peer for one of our own: the connection's limits become the wider ones of
  /// ``ServerLimits/maxTrustedResets`` and ``ServerLimits/maxTrustedStreams``.
  package func trustConnection() { connection?.trust() }

  /// Leaves this exchange out of the percentiles of the server's ``AnswerTimes``.
  package func leaveUntimed() { isTimed = false }

  /// Sends the answer of an exchange whose handler returned `.later`. Without effect when it was
  /// answered already.
  public func finish() {
    guard phase == .awaiting || phase == .handling, let connection else { return }
    if phase == .awaiting { connection.server.waitingCount -= 1 }
    phase = .answering
    connection.answer(self)
  }
}
