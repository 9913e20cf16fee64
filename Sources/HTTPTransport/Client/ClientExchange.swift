/// One request and the response to it, while outstanding. Pooled: objects live as long as their
/// table and are found by slot, so nghttp2's user data is a slot number and never a pointer to
/// something freed.
final class ClientExchange {
  enum State {
    case free
    /// In the peer's queue: certainly not sent.
    case waiting
    /// Submitted to a connection's session.
    case open
    /// The result stands; the completion is about to be called.
    case finished
  }

  let slot: Int32
  var generation: UInt32 = 0
  var state = State.free
  /// Neighbours in the one list it is in: free list, peer's queue or connection's streams.
  var next: Int32 = -1
  var previous: Int32 = -1

  var deadline: UInt64 = 0
  var bucket: Int32 = -1
  var nextInBucket: Int32 = -1
  var previousInBucket: Int32 = -1

  /// Where the request comes from and the answer goes, instead of the three below.
  /// Its owner keeps it, and takes it back when it goes away.
  var relay: Relay? {
    get { heldRelay?.takeUnretainedValue() }
    set { heldRelay = newValue.map { Unmanaged.passUnretained($0) } }
  }
  var heldRelay: Unmanaged<Relay>?
  var request = ClientExchange.emptyRequest
  var completion: ((Result<ClientResponse, TransportError>) -> Void)?
  /// Who takes the body as it comes, instead of `body`.
  var stream: ClientStream?
  var result: Result<ClientResponse, TransportError>?
  /// Set from `send` until finished. A peer that has waiting exchanges is never dropped, and a
  /// connection takes leave of its exchanges when it closes; so neither reference can dangle, and
  /// the checks of a safe one would cost on every request.
  unowned(unsafe) var peer: ClientPeer?
  /// Set while `.open`.
  unowned(unsafe) var connection: ClientConnection?
  /// The same as an address, which is compared without counting references.
  var connectionMark: UnsafeMutableRawPointer?

  var streamID: Int32 = 0
  var bodyOffset = 0
  /// What it counts for in the peer's queue.
  var waitingBytes = 0
  /// When the request was submitted to the session, on the monotonic clock.
  var submittedAt: UInt64 = 0
  /// The HEADERS frame was serialised: the peer may have seen the request.
  var headersSent = false
  /// The request's END_STREAM was serialised.
  var requestSent = false
  var resetByPeer = false

  var status = 0
  var inTrailers = false
  /// Fields and bytes of all header sections received.
  var headerCount = 0
  var headerBytes = 0
  /// Fields of the current section, in the layout of ``HeaderBlock``; reused.
  var fields: [UInt8] = []
  var fieldCount = 0
  var body: [UInt8] = []
  /// Bytes of the response's body so far, wherever they are.
  var bodyBytes = 0
  /// Fields of the trailer section, in the layout of ``HeaderBlock``.
  var trailers: [UInt8] = []
  var trailerCount = 0

  static let emptyRequest = ClientRequest(target: "/")

  init(slot: Int32) {
    self.slot = slot
  }

  /// Bytes of the request's body.
  var requestBodyCount: Int {
    if let relay { return relay.exchange?.bodyCount ?? 0 }
    return request.body.count
  }

  var id: RequestID { RequestID(slot: slot, generation: generation) }

  /// Forgets everything of the last request but the reusable buffer.
  func reset() {
    state = .free
    generation &+= 1
    if heldRelay != nil { heldRelay = nil } else { resetMessages() }
    result = nil
    peer = nil
    connection = nil
    connectionMark = nil
    streamID = 0
    bodyOffset = 0
    submittedAt = 0
    headersSent = false
    requestSent = false
    resetByPeer = false
    status = 0
    inTrailers = false
    headerCount = 0
    headerBytes = 0
    bodyBytes = 0
  }

  private func resetMessages() {
    request = Self.emptyRequest
    completion = nil
    if stream != nil { stream = nil }
    // A single peer's large header section must not stay allocated in the pool.
    fields.removeAll(keepingCapacity: fields.capacity <= 4_096)
    fieldCount = 0
    body = []
    if !trailers.isEmpty { trailers = [] }
    trailerCount = 0
  }
}

/// A list of exchanges linked through their slots: constant-time append and removal, no allocation.
struct SlotList {
  fileprivate(set) var head: Int32 = -1
  fileprivate(set) var tail: Int32 = -1
  fileprivate(set) var count = 0

  var isEmpty: Bool { count == 0 }
}

/// The pool of a client's exchanges.
final class ExchangeTable {
  /// Room for all exchanges there may ever be; pages are touched only as they are needed. A plain
  /// pointer rather than an array: looking a slot up is on the path of every frame.
  private let exchanges: UnsafeMutablePointer<ClientExchange>
  @exclusivity(unchecked) private var created = 0
  @exclusivity(unchecked) private var free = SlotList()
  let capacity: Int
  /// Bytes of response bodies held by exchanges that are not delivered.
  @exclusivity(unchecked) var bufferedBytes = 0

  init(capacity: Int) {
    self.capacity = capacity
    exchanges = .allocate(capacity: capacity)
  }

  deinit {
    exchanges.deinitialize(count: created)
    exchanges.deallocate()
  }

  /// Exchanges outstanding.
  var count: Int { created - free.count }

  subscript(slot: Int32) -> ClientExchange? {
    guard slot >= 0, Int(slot) < created else { return nil }
    return exchanges[Int(slot)]
  }

  /// The exchange an identifier names, nil when it completed.
  func find(_ id: RequestID) -> ClientExchange? {
    guard let exchange = self[id.slot], exchange.generation == id.generation else { return nil }
    return exchange.state == .free ? nil : exchange
  }

  /// A free exchange, nil when the table is full.
  func take() -> ClientExchange? {
    if let exchange = self[free.head] {
      remove(exchange, from: &free)
      return exchange
    }
    guard created < capacity, let slot = Int32(exactly: created) else { return nil }
    let exchange = ClientExchange(slot: slot)
    (exchanges + created).initialize(to: exchange)
    created += 1
    return exchange
  }

  func recycle(_ exchange: ClientExchange) {
    exchange.reset()
    // What was used last is likely to be in the processor's cache still.
    prepend(exchange, to: &free)
  }

  /// Slots of all exchanges that are outstanding. Linear; for shutting down.
  func outstanding() -> [Int32] {
    UnsafeBufferPointer(start: exchanges, count: created).lazy
      .filter { $0.state == .waiting || $0.state == .open }.map(\.slot)
  }

  func append(_ exchange: ClientExchange, to list: inout SlotList) {
    exchange.next = -1
    exchange.previous = list.tail
    if let last = self[list.tail] {
      last.next = exchange.slot
    } else {
      list.head = exchange.slot
    }
    list.tail = exchange.slot
    list.count += 1
  }

  func prepend(_ exchange: ClientExchange, to list: inout SlotList) {
    exchange.previous = -1
    exchange.next = list.head
    if let first = self[list.head] {
      first.previous = exchange.slot
    } else {
      list.tail = exchange.slot
    }
    list.head = exchange.slot
    list.count += 1
  }

  func remove(_ exchange: ClientExchange, from list: inout SlotList) {
    if let previous = self[exchange.previous] {
      previous.next = exchange.next
    } else {
      list.head = exchange.next
    }
    if let next = self[exchange.next] {
      next.previous = exchange.previous
    } else {
      list.tail = exchange.previous
    }
    exchange.next = -1
    exchange.previous = -1
    list.count -= 1
  }

  /// Lets go of all relays: the client is going away, and their owners with it.
  func abandonRelays() {
    for exchange in UnsafeBufferPointer(start: exchanges, count: created) {
      guard let relay = exchange.relay else { continue }
      relay.request = nil
      relay.client = nil
      exchange.relay = nil
    }
  }

  /// Takes the completions of all exchanges, with the results they have or `.cancelled`.
  func drain(
    _ take: (
      @escaping (Result<ClientResponse, TransportError>) -> Void,
      Result<ClientResponse, TransportError>
    ) -> Void
  ) {
    let gone = TransportError(.cancelled, "the client was released before the request completed")
    for exchange in UnsafeBufferPointer(start: exchanges, count: created) {
      guard let completion = exchange.completion else { continue }
      let result = exchange.result ?? .failure(gone)
      exchange.reset()
      take(completion, result)
    }
  }
}
