/// One request on its way through a proxy: the exchange of the server that took it, paired with
/// the exchange of the client that passes it on.
///
/// The request's fields and body are read from the server's exchange, and what comes back is put
/// into it as it arrives, so that a proxied request needs no storage of its own. Relays are pooled
/// by their owner. When the exchange's client goes away the pairing ends on both sides; a relay
/// never reaches an exchange that is used for something else.
package final class Relay {
  /// The request and its answer to be; nil once nobody waits for the answer.
  ///
  /// An exchange takes leave of its relay before it is used for anything else, so that the
  /// reference does not dangle. Counting it would cost for each field of an answer.
  package var exchange: Exchange? { held?.takeUnretainedValue() }
  @exclusivity(unchecked) var held: Unmanaged<Exchange>?
  /// Moves on with every use: what is told later, by a timer, checks it.
  package private(set) var generation: UInt32 = 0
  /// What the owner routes by, when that is not in the request's target.
  @exclusivity(unchecked) package var context: AnyObject?
  /// When the owner gives up.
  @exclusivity(unchecked) package var until = MonotonicTime(nanoseconds: 0)
  /// Whether the peer is told how much time is left (`ss-deadline`).
  @exclusivity(unchecked) package var tellsDeadline = false
  @exclusivity(unchecked) package var attempts = 0
  @exclusivity(unchecked) package var hops = 0
  /// Doing the request twice does no more than doing it once.
  @exclusivity(unchecked) package var isSafe = false

  /// Which fields pass; the owner changes them for a request that has a span.
  @exclusivity(unchecked) package var rules: RelayRules
  /// Clears itself out when it goes away.
  @exclusivity(unchecked) unowned(unsafe) var owner: (any RelayOwner)?
  /// Set while `request` is.
  @exclusivity(unchecked) unowned(unsafe) var client: HTTPClient?
  @exclusivity(unchecked) var request: RequestID?

  package init(_ rules: RelayRules, owner: any RelayOwner) {
    self.rules = rules
    self.owner = owner
  }

  /// Takes charge of an exchange whose handler returns `.later`.
  package func begin(_ exchange: Exchange) {
    held = Unmanaged.passUnretained(exchange)
    exchange.relay = self
  }

  /// Sends the answer that is in the exchange, and frees the relay.
  package func finish() {
    let exchange = release()
    exchange?.finish()
  }

  /// Parts with the exchange without an answer and returns it.
  @discardableResult
  package func release() -> Exchange? {
    let released = exchange
    released?.relay = nil
    held = nil
    generation &+= 1
    if context != nil { context = nil }
    attempts = 0
    tellsDeadline = false
    return released
  }

  /// The owner is gone, and with it everybody who would answer.
  package func abandon() {
    owner = nil
    client?.withdraw(self)
    release()
  }

  // MARK: Called by the transport

  /// Nobody waits for the answer any more.
  func exchangeEnded() {
    client?.withdraw(self)
    release()
    owner?.relayEnded(self)
  }

  /// A field of the answer's header section; those that do not pass are dropped.
  func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    held?._withUnsafeGuaranteedRef { take(name, value, $0) }
  }

  private func take(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ exchange: Exchange
  ) {
    if let known = rules.passedBack.find(name) {
      exchange.setHeader(known, verbatim: value)
    } else if exchange.method == .head, name.equals("content-length") {
      exchange.announcedLength = decimal(value)
    }
  }

  /// A piece of the answer's body.
  func append(_ bytes: UnsafeRawBufferPointer) {
    held?._withUnsafeGuaranteedRef { $0.appendBody(bytes) }
  }

  /// The answer is complete.
  func answered(_ status: Int) {
    request = nil
    client = nil
    guard let exchange else { return }
    exchange.status = status
    owner?.relayAnswered(self)
  }

  func failed(_ error: TransportError) {
    request = nil
    client = nil
    exchange?.resetAnswer()
    owner?.relayFailed(self, error)
  }
}

/// Which fields a proxy lets through; the rest concerns one hop only.
package struct RelayRules: Sendable {
  let passedOn: FieldNames
  let passedBack: FieldNames

  package init(passedOn: FieldNames, passedBack: FieldNames) {
    self.passedOn = passedOn
    self.passedBack = passedBack
  }
}

/// Decides where relays go and what becomes of them. Called on the loop.
package protocol RelayOwner: AnyObject {
  /// Adds the proxy's own fields to a request that is about to be sent.
  func addFields(_ relay: Relay, to request: RequestEncoder) throws(TransportError)

  /// The answer is in the exchange: the owner finishes the relay, or sends it again after
  /// `exchange.resetAnswer()`. Must not send within the call.
  func relayAnswered(_ relay: Relay)

  /// There is no answer. The owner answers itself, or sends it again.
  func relayFailed(_ relay: Relay, _ error: TransportError)

  /// Nobody waits for the answer: the relay is free.
  func relayEnded(_ relay: Relay)
}

/// Reads a number in decimal; nil for anything else, or what does not fit.
func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
  guard !bytes.isEmpty, bytes.count <= 18 else { return nil }
  var value = 0
  for byte in bytes {
    guard byte >= 0x30, byte <= 0x39 else { return nil }
    value = value &* 10 &+ Int(byte &- 0x30)
  }
  return value
}
