import Candid
import Cluster
import HTTPTransport
import WireProtocol

/// What an engine knows about its knowledge of the ring.
struct RingWatch {
  /// Whether requests are routed by the ring.
  let isNeeded: Bool
  /// Whether it was asked for, and what came of it is known.
  var isSettled = false
  var isAsking = false
  var timer: TimerID?
  /// No ring is asked for before this.
  var nextAt = MonotonicTime(nanoseconds: 0)
  var backoff = RingWatch.usualPause
  /// Requests that wait for the first ring.
  var waiting: [Journey] = []
  /// Why the credential is of no use, until a ring comes.
  var refusal: ClientError?
  /// The server has no ring to tell: it is no gateway, so that only forward responses tell of
  /// owners, or something before it answered. It is not asked again before this.
  var absentUntil = MonotonicTime(nanoseconds: 0)

  init(isNeeded: Bool) {
    self.isNeeded = isNeeded
  }

  static let usualPause = Backoff(from: .milliseconds(50), to: .seconds(2))
  static let patience = Duration.seconds(2)
  static let absence = Duration.seconds(60)
}

/// The ring: asked for when the client begins, and when an answer tells of a newer epoch; by one
/// request at a time, with a pause between two.
extension ClusterEngine {
  /// Sends the request when there is a ring to route it by, or none to be had.
  func lookAtRing(for journey: Journey) {
    if let refusal = ring.refusal {
      refresh()
      loop.schedule(after: .zero) { [weak self] in self?.end(journey, .failure(refusal)) }
      return
    }
    if !ring.isSettled { refresh() }
    // Without the credential the ring tells only where nodes are: nothing to wait for.
    guard !ring.isSettled, settings.credential != nil else { return attempt(journey) }
    ring.waiting.append(journey)
    journey.timer = loop.schedule(after: journey.remaining) { [weak self] in
      journey.timer = nil
      let error = ClientError(
        .deadlineExceeded, "the ring was not told within the request's time", isRetryable: true)
      self?.end(journey, .failure(error))
    }
  }

  /// Asks for the ring, now or after the pause.
  func refresh() {
    guard ring.isNeeded, !ring.isAsking, ring.timer == nil, ring.absentUntil <= loop.now
    else { return }
    let pause = ring.nextAt - MonotonicTime.current()
    guard pause > .zero else { return ask() }
    ring.timer = loop.schedule(after: pause) { [weak self] in
      self?.ring.timer = nil
      self?.ask()
    }
  }

  private func ask() {
    ring.isAsking = true
    counters.refreshes.add()
    var request = ClientRequest(
      target: settings.endpoint.target(for: "/ring"), headers: [("accept", "application/candid")])
    if let credential = settings.credential ?? settings.token {
      request.headers.append(("authorization", credential.headerValue))
    }
    client.send(request, to: origin, deadline: RingWatch.patience) { [weak self] result in
      self?.take(result)
    }
  }

  private func take(_ result: Result<ClientResponse, TransportError>) {
    ring.isAsking = false
    ring.nextAt = .current() + ring.backoff.next()
    switch result {
    case .failure(let error):
      if error.code == .connectFailed { renewOrigin() }
    case .success(let response): take(response)
    }
    settle()
    // Somebody told of a newer one meanwhile, or this one is not there yet.
    if owners.isStale { refresh() }
  }

  private func take(_ response: ClientResponse) {
    switch response.status {
    case 200:
      guard let told = try? CandidArguments.decode(response.body, as: RingPlacement.self) else {
        return
      }
      ring.refusal = nil
      owners.install(told) { node, authority in
        book.find(authority) { [weak self, weak node] address in
          guard let self, let node, let address else { return }
          expect(authority, at: address)
          node.address = address
        }
      }
      if !owners.isStale { ring.backoff = RingWatch.usualPause }
    case 401, 403:
      guard !owners.hasPlacement else { return }
      ring.refusal = ClientError(
        ClusterReply(response: response, isUncertain: false), isRead: true)
    case 404, 405, 501:
      ring.absentUntil = loop.now + RingWatch.absence
    default: return
    }
  }

  /// Lets those go on who waited for what was to be known.
  private func settle() {
    guard !ring.isSettled else { return }
    ring.isSettled = true
    let waiting = ring.waiting
    ring.waiting = []
    for journey in waiting where journey.slot != nil {
      if let timer = journey.timer { loop.cancel(timer) }
      journey.timer = nil
      if let refusal = ring.refusal {
        end(journey, .failure(refusal))
      } else {
        attempt(journey)
      }
    }
  }

  /// Looks the server's name up again: it may stand for another address now.
  func renewOrigin() {
    let endpoint = settings.endpoint
    guard endpoint.address == nil else { return }
    book.forget(endpoint.authority)
    book.find(endpoint.authority) { [weak self] address in
      guard let self, let address, address != origin else { return }
      client.expect(name: endpoint.host, at: address)
      origin = address
    }
  }

  /// Reads who answered, and by which ring.
  func notice(_ response: ClientResponse, _ journey: Journey) {
    if let text = response.headers.firstBytes("ss-epoch"), let epoch = UInt64(digits: text) {
      owners.hear(of: epoch)
      if owners.isStale { refresh() }
    }
    guard let name = response.headers.firstBytes("ss-node"), response.status != 307 else { return }
    if let node = journey.node, name.elementsEqual(node.name) {
      node.answered()
    } else if journey.request.key != nil {
      // Someone between passed the request on.
      counters.extraHops.add()
    }
    guard !owners.hasPlacement, let key = journey.request.key else { return }
    owners.learn(key, owners.node(named: name))
  }
}

extension UInt64 {
  /// A number in decimal digits; nil for anything else, and for what does not fit.
  init?(digits: some Collection<UInt8>) {
    guard (1...20).contains(digits.count) else { return nil }
    var number: UInt64 = 0
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return nil }
      let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, isBeyond) = product.addingReportingOverflow(UInt64(digit - 0x30))
      guard !isTooLarge, !isBeyond else { return nil }
      number = sum
    }
    self = number
  }
}
