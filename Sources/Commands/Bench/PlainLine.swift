import HTTPTransport

/// A line to any HTTP/2 server: a lean connection, replaced when the server ends it.
final class PlainLine: LoadLine, LoadObserver {
  private let index: Int
  private let address: SocketAddress
  private let security: (context: TLSContext, name: String)?
  private let template: LoadTemplate
  private let streams: Int
  private let loop: EventLoop
  /// Owns this line, and closes it before it goes.
  private unowned(unsafe) let owner: any LoadLineOwner
  private var current: LoadConnection?
  /// Connections that take no more requests and finish those under way.
  private var leaving: [LoadConnection] = []
  private var underWay = 0
  private var isReady = false
  private var isClosed = false
  private var pause = PlainLine.shortestPause
  private var firstTry = MonotonicTime.current()

  private static let shortestPause = Duration.milliseconds(10)
  private static let longestPause = Duration.milliseconds(500)
  /// How long a server that refuses connections is tried again at the beginning.
  private static let patience = Duration.seconds(1)

  init(
    _ index: Int, to address: SocketAddress, security: (context: TLSContext, name: String)?,
    streams: Int, template: LoadTemplate, loop: EventLoop, owner: any LoadLineOwner
  ) {
    self.index = index
    self.address = address
    self.security = security
    self.streams = streams
    self.template = template
    self.loop = loop
    self.owner = owner
    loop.mailbox.post { [bound = LoopBound(self, loop: loop)] in bound.value.connect() }
  }

  private func connect() {
    guard !isClosed, current == nil else { return }
    do throws(TransportError) {
      current = try LoadConnection(
        to: address, security: security, streams: streams, template: template, loop: loop,
        observer: self)
    } catch {
      failed(error)
    }
  }

  var room: Int { min(current?.room ?? 0, streams - underWay) }

  func send(_ request: LoadRequest) {
    underWay += 1
    if current?.send(request) != true {
      underWay -= 1
      owner.requestReturned(request)
    }
  }

  func expire(sentBefore time: UInt64) {
    current?.expire(sentBefore: time)
    for connection in leaving { connection.expire(sentBefore: time) }
  }

  func close() {
    isClosed = true
    for connection in leaving + [current].compactMap(\.self) { connection.cancel() }
    leaving = []
    current = nil
  }

  // MARK: What the connection tells

  func loadConnectionHasRoom(_ connection: LoadConnection) {
    pause = PlainLine.shortestPause
    if !isReady {
      isReady = true
      owner.lineIsReady()
    }
    owner.lineHasRoom(index)
  }

  func loadConnection(
    _ connection: LoadConnection, ended request: LoadRequest, _ end: LoadEnd, at time: UInt64
  ) {
    underWay -= 1
    switch end {
    case .answered(let status, let bytes):
      owner.requestEnded(request, status: status, bytes: bytes, at: time)
    case .unprocessed: owner.requestReturned(request)
    case .failed(let error):
      owner.requestFailed(request, kind: error.code.rawValue, error.message, at: time)
    }
  }

  func loadConnectionDrains(_ connection: LoadConnection) {
    guard connection === current else { return }
    leaving.append(connection)
    current = nil
    owner.lineReconnects()
    connectLater(after: .zero)
  }

  func loadConnectionClosed(_ connection: LoadConnection, _ error: TransportError) {
    leaving.removeAll { $0 === connection }
    guard connection === current else { return }
    current = nil
    if isReady, !isClosed { owner.lineReconnects() }
    failed(error)
  }

  private func failed(_ error: TransportError) {
    guard !isClosed else { return }
    let mayRecover = error.code == .refused || error.code == .connectFailed
    guard
      isReady || mayRecover && MonotonicTime.current() - firstTry < PlainLine.patience
    else {
      owner.lineFailed(error)
      return
    }
    connectLater(after: pause)
    pause = min(pause * 2, PlainLine.longestPause)
  }

  private func connectLater(after delay: Duration) {
    loop.schedule(after: delay) { [weak self] in self?.connect() }
  }
}
