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
  private var fragments: [EtcdChange] = []
  private var failures = 0

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

  private func take(_ bytes: [UInt8]) {
    let decoded: Result<WireWatchResponse, EtcdError> = GRPCChannel.decode(bytes)
    guard !isOver, case .success(let response) = decoded else { return abandon() }
    if response.compactRevision > 0 {
      cancel()
      onEvent(.compacted(response.compactRevision))
      return
    }
    guard !response.canceled else { return abandon() }
    failures = 0
    fragments += response.events.map(EtcdMessages.change)
    guard !response.fragment else { return }
    let changes = fragments
    fragments = []
    let start = request.createRequest.startRevision
    if let told = response.events.last?.kv.modRevision {
      request.createRequest.startRevision = max(start, told + 1)
      onEvent(.events(changes, revision: told))
    } else if response.created, start == 0 {
      // "Now" is this from here on, whenever the stream has to be opened again. Otherwise the
      // revision says nothing: what came before it may be on its way still.
      request.createRequest.startRevision = response.header.revision + 1
    }
  }

  private func abandon() {
    stream?.cancel()
    reopen()
  }
}
