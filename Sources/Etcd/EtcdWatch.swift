import HTTPTransport

/// A watch that outlives connections and endpoints. Letting it go ends it.
package final class EtcdWatch {
  private let channel: GRPCChannel
  private var request: WireWatchRequest
  private let onEvent: (EtcdWatchEvent) -> Void
  private var stream: GRPCStream?
  private var timer: TimerID?
  private var isOver = false
  /// Parts of an answer that is not complete.
  private var fragments: [(change: EtcdChange, revision: Int64)] = []
  /// The size of these parts.
  private var gathered = 0
  private var failures = 0

  /// Bytes of parts that are gathered before those that are whole are handed over.
  var mostGathered = 64 << 20

  init(
    _ channel: GRPCChannel, _ create: WireWatchCreateRequest, from revision: Int64,
    _ onEvent: @escaping (EtcdWatchEvent) -> Void
  ) {
    self.channel = channel
    self.onEvent = onEvent
    request = WireWatchRequest()
    request.createRequest = create
    request.createRequest.startRevision = revision
  }

  deinit {
    cancel()
  }

  package func cancel() {
    isOver = true
    stream?.cancel()
    stream = nil
    if let timer { channel.loop.cancel(timer) }
    timer = nil
  }

  func open() {
    timer = nil
    fragments = []
    gathered = 0
    stream = channel.stream(
      "/etcdserverpb.Watch/Watch", request,
      onMessage: { [weak self] in self?.take($0) },
      onEnd: { [weak self] _ in self?.reopen() })
  }

  /// Begins again after a pause that grows.
  private func reopen() {
    stream = nil
    guard !isOver, !channel.isShutDown else { return }
    let pause = failures == 0 ? Duration.zero : .milliseconds(50 << min(failures, 4))
    failures += 1
    timer = channel.loop.schedule(after: pause) { [weak self] in self?.open() }
  }

  func take(_ bytes: [UInt8]) {
    let decoded: Result<WireWatchResponse, EtcdError> = GRPCChannel.decode(bytes)
    guard !isOver, case .success(let response) = decoded else { return abandon() }
    if response.compactRevision > 0 {
      cancel()
      onEvent(.compacted(response.compactRevision))
      return
    }
    guard !response.canceled else { return abandon() }
    fragments += response.events.map { (EtcdMessages.change($0), $0.kv.modRevision) }
    gathered += bytes.count
    if response.fragment { return keepWithinBounds() }
    gathered = 0
    if !fragments.isEmpty { return handOver(fragments.count) }
    failures = 0
    if response.created, request.createRequest.startRevision == 0 {
      // "Now" is this from here on, whenever the stream has to be opened again. Otherwise the
      // revision says nothing: what came before it may be on its way still.
      request.createRequest.startRevision = EtcdRange.revision(after: response.header.revision)
    }
  }

  /// The last revision may go on in the next part; those before it are whole.
  private func keepWithinBounds() {
    guard gathered > mostGathered else { return }
    let last = fragments.last?.revision
    let whole = fragments.firstIndex { $0.revision == last } ?? 0
    guard whole > 0 else { return abandon() }
    gathered = 0
    handOver(whole)
  }

  private func handOver(_ count: Int) {
    let changes = fragments.prefix(count)
    fragments.removeFirst(count)
    failures = 0
    let told = changes.reduce(0) { max($0, $1.revision) }
    let start = request.createRequest.startRevision
    request.createRequest.startRevision = max(start, EtcdRange.revision(after: told))
    onEvent(.events(changes.map(\.change), revision: told))
  }

  private func abandon() {
    stream?.cancel()
    reopen()
  }
}
