import HTTPTransport
import SwiftProtobuf

/// gRPC calls to whichever endpoint works: the one in use is kept until it fails a call.
///
/// It belongs to the loop's thread. Completions come once, never within the call.
final class GRPCChannel {
  let loop: EventLoop
  private let settings: EtcdSettings
  private let http: HTTPClient
  private let book: AddressBook
  /// Where each endpoint was found last, for when its name has no address for a while.
  private var lastKnown: [String: SocketAddress] = [:]
  private var current = 0
  private(set) var isShutDown = false
  /// When a call succeeded last.
  private(set) var answeredAt = MonotonicTime.current()

  /// Bytes of a request. etcd takes 1.5 MiB as it is set up usually, its own wrapping included.
  static let maxRequest = 1_572_864 - 1_024
  /// Bytes of an answer.
  static let maxAnswer = 64 << 20

  init(loop: EventLoop, settings: EtcdSettings) {
    self.loop = loop
    self.settings = settings
    book = AddressBook(loop: loop)
    var limits = ClientLimits()
    limits.maxConnectionsPerPeer = 1
    limits.maxOutstanding = 1_024
    limits.maxBodyBytes = Self.maxAnswer
    limits.connectTimeout = settings.callDeadline
    limits.maxBackoff = .milliseconds(250)
    // etcd ends connections over PINGs that come closer than its `--grpc-keepalive-min-time` of
    // 5 seconds.
    limits.pingInterval = .seconds(6)
    limits.pingSpacing = .seconds(6)
    http = HTTPClient(loop: loop, limits: limits, tls: settings.tls)
    // Without a word: what is wrong with them shows when the next connection is made.
    settings.tls?.reloadOnChange(on: loop) { _ in }
  }

  func shutdown() {
    isShutDown = true
    http.shutdown()
  }

  static let shutDownError = EtcdError(.cancelled, "the etcd client was shut down")

  // MARK: One request, one answer

  /// A call under way.
  private struct Call {
    let path: String
    let body: [UInt8]
    /// Doing it twice does no more than doing it once, so that another endpoint may try when it is
    /// not known what became of it.
    let isRepeatable: Bool
    let until: MonotonicTime
    /// Endpoints that have not tried yet.
    var left: Int
    let completion: (Result<[UInt8], EtcdError>) -> Void
  }

  func call<Request: Message, Response: Message>(
    _ path: String, _ request: Request, isRepeatable: Bool,
    _ completion: @escaping (Result<Response, EtcdError>) -> Void
  ) {
    let answered: (Result<[UInt8], EtcdError>) -> Void = { result in
      completion(result.flatMap { Self.decode($0) })
    }
    switch body(of: request) {
    case .failure(let error): loop.schedule(after: .zero) { completion(.failure(error)) }
    case .success(let body):
      attempt(
        Call(
          path: path, body: body, isRepeatable: isRepeatable,
          until: .current() + settings.callDeadline, left: settings.endpoints.count,
          completion: answered))
    }
  }

  static func decode<Response: Message>(_ bytes: [UInt8]) -> Result<Response, EtcdError> {
    do {
      return .success(try Response(serializedBytes: bytes))
    } catch {
      return .failure(
        EtcdError(
          .protocolViolation, "the answer is no \(Response.protoMessageName)",
          isOutcomeUnknown: true))
    }
  }

  private func body(of request: some Message) -> Result<[UInt8], EtcdError> {
    guard !isShutDown else { return .failure(Self.shutDownError) }
    guard !settings.endpoints.isEmpty else {
      return .failure(EtcdError(.unavailable, "no etcd endpoint is given"))
    }
    guard let bytes: [UInt8] = try? request.serializedBytes() else {
      return .failure(EtcdError(.refused, "the request cannot be encoded"))
    }
    guard bytes.count <= Self.maxRequest else {
      return .failure(
        EtcdError(
          .tooLarge,
          "a request of \(bytes.count) bytes exceeds etcd's usual limit; at most"
            + " \(Self.maxRequest) bytes can be written at once"))
    }
    return .success(GRPCMessages.frame(bytes))
  }

  private func attempt(_ call: Call) {
    let index = current
    let endpoint = settings.endpoints[index]
    var call = call
    call.left -= 1
    // The endpoints that have not tried yet have their share of the time.
    let share = max((call.until - .current()) / (max(call.left, 0) + 1), .zero)
    withAddress(of: endpoint, within: share) { [weak self] address in
      guard let self, !isShutDown else { return call.completion(.failure(Self.shutDownError)) }
      guard let address else {
        let error = EtcdError(.unavailable, "\(endpoint) has no address")
        loop.schedule(after: .zero) { [weak self] in
          guard let self else { return call.completion(.failure(Self.shutDownError)) }
          failed(call, at: index, error)
        }
        return
      }
      send(call, to: address, index)
    }
  }

  private func send(_ call: Call, to address: SocketAddress, _ index: Int) {
    let endpoint = settings.endpoints[index]
    let left = call.until - .current()
    let request = request(call.path, call.body, timeout: left)
    http.send(request, to: address, deadline: left) { [weak self] result in
      let answer = Self.message(of: result, from: endpoint)
      guard let self else { return call.completion(answer) }
      switch answer {
      case .success:
        answeredAt = .current()
        call.completion(answer)
      case .failure(let error): failed(call, at: index, error)
      }
    }
  }

  /// Asks the next endpoint when that may help and cannot do anything twice.
  private func failed(_ call: Call, at index: Int, _ error: EtcdError) {
    guard error.isOfEndpoint else { return call.completion(.failure(error)) }
    leave(index)
    guard call.left > 0, call.isRepeatable || !error.isOutcomeUnknown,
      call.until > .current(), !isShutDown
    else { return call.completion(.failure(error)) }
    attempt(call)
  }

  /// The endpoint at `index` failed: later calls go to the next one.
  private func leave(_ index: Int) {
    book.forget(settings.endpoints[index])
    if current == index { current = (index + 1) % settings.endpoints.count }
  }

  private static func message(
    of result: Result<ClientResponse, TransportError>, from endpoint: String
  ) -> Result<[UInt8], EtcdError> {
    switch result {
    case .failure(let failure): return .failure(GRPCStatus.error(of: failure, from: endpoint))
    case .success(let response):
      if let error = GRPCStatus.error(of: response, from: endpoint) { return .failure(error) }
      var messages = GRPCMessages(limit: maxAnswer)
      messages.append(response.body)
      do throws(EtcdError) {
        guard let message = try messages.next(), !messages.hasRest else {
          throw EtcdError(
            .protocolViolation, "\(endpoint) did not answer with one message",
            isOutcomeUnknown: true)
        }
        return .success(Array(message))
      } catch {
        return .failure(
          EtcdError(error.code, "\(endpoint): \(error.message)", isOutcomeUnknown: true))
      }
    }
  }

  private func request(_ path: String, _ body: [UInt8], timeout: Duration?) -> ClientRequest {
    var headers = [
      (name: "te", value: "trailers"), (name: "content-type", value: "application/grpc"),
    ]
    if let timeout {
      let milliseconds =
        timeout.components.seconds * 1_000 + timeout.components.attoseconds / 1_000_000_000_000_000
      headers.append((name: "grpc-timeout", value: "\(max(milliseconds, 1))m"))
    } else {
      // A stream that outlives its member's part in the cluster would be silent for ever.
      headers.append((name: "hasleader", value: "true"))
    }
    return ClientRequest(method: .post, target: path, headers: headers, body: body)
  }

  /// Finds the endpoint's address within this time, which a resolver may exceed by far, or the one
  /// that it had last.
  private func withAddress(
    of endpoint: String, within limit: Duration, _ body: @escaping (SocketAddress?) -> Void
  ) {
    var isOver = false
    var timer: TimerID?
    let found: (SocketAddress?) -> Void = { [weak self] address in
      guard !isOver else { return }
      isOver = true
      guard let self else { return body(address) }
      if let timer { loop.cancel(timer) }
      if let address { lastKnown[endpoint] = address }
      let address = address ?? lastKnown[endpoint]
      if let address, settings.tls != nil {
        http.expect(name: Self.host(of: endpoint), at: address)
      }
      body(address)
    }
    book.find(endpoint, found)
    if !isOver { timer = loop.schedule(after: limit) { found(nil) } }
  }

  private static func host(of endpoint: String) -> String {
    let host = endpoint[..<(endpoint.lastIndex(of: ":") ?? endpoint.endIndex)]
    return host.hasPrefix("[") && host.hasSuffix("]")
      ? String(host.dropFirst().dropLast()) : String(host)
  }

  // MARK: One request, many answers

  /// Sends one message and hands over those that come back, until `onEnd`. Neither runs once the
  /// stream is cancelled.
  func stream(
    _ path: String, _ request: some Message, onMessage: @escaping ([UInt8]) -> Void,
    onEnd: @escaping (EtcdError?) -> Void
  ) -> GRPCStream {
    let stream = GRPCStream(onMessage: onMessage, onEnd: onEnd)
    switch body(of: request) {
    case .failure(let error): loop.schedule(after: .zero) { stream.end(error) }
    case .success(let body): open(stream, path, body)
    }
    return stream
  }

  private func open(_ stream: GRPCStream, _ path: String, _ body: [UInt8]) {
    let index = current
    let endpoint = settings.endpoints[index]
    withAddress(of: endpoint, within: settings.callDeadline) { [weak self] address in
      guard let self, !stream.isOver else { return }
      guard let address else {
        leave(index)
        loop.schedule(after: .zero) {
          stream.end(EtcdError(.unavailable, "\(endpoint) has no address"))
        }
        return
      }
      let id = http.stream(
        request(path, body, timeout: nil), to: address, deadline: settings.callDeadline,
        onBytes: { stream.take($0) },
        onEnd: { [weak self] result in
          let error: EtcdError?
          switch result {
          case .success(let response): error = GRPCStatus.error(of: response, from: endpoint)
          case .failure(let failure): error = GRPCStatus.error(of: failure, from: endpoint)
          }
          if let self, !stream.isOver { leave(index) }
          stream.end(error)
        })
      stream.onCancel = { [weak self] in self?.http.cancel(id) }
    }
  }
}

/// A call whose answers go on coming.
final class GRPCStream {
  private var onMessage: (([UInt8]) -> Void)?
  private var onEnd: ((EtcdError?) -> Void)?
  var onCancel: (() -> Void)?
  private var messages = GRPCMessages(limit: GRPCChannel.maxAnswer)
  private(set) var isOver = false

  init(onMessage: @escaping ([UInt8]) -> Void, onEnd: @escaping (EtcdError?) -> Void) {
    self.onMessage = onMessage
    self.onEnd = onEnd
  }

  func take(_ bytes: [UInt8]) {
    guard !isOver else { return }
    messages.append(bytes)
    do throws(EtcdError) {
      while !isOver, let message = try messages.next() { onMessage?(Array(message)) }
    } catch {
      let cancel = onCancel
      end(error)
      cancel?()
    }
  }

  func end(_ error: EtcdError?) {
    guard !isOver else { return }
    let onEnd = onEnd
    finish()
    onEnd?(error)
  }

  func cancel() {
    guard !isOver else { return }
    let cancel = onCancel
    finish()
    cancel?()
  }

  private func finish() {
    isOver = true
    onMessage = nil
    onEnd = nil
    onCancel = nil
  }
}
