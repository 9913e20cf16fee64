import HTTPTransport
import Synchronization

/// The engine of a client and the loop that it lives on, for callers on any thread.
final class ClientCore: Sendable {
  let executor: ClientExecutor
  let counters: ClientCounters
  private let mailbox: Mailbox
  /// How many requests may be under way at a time.
  let maximumOutstanding: Int
  private let engine: LoopBound<EngineBox>
  private let isClosed = Atomic(false)

  /// Begins on a loop that someone else runs.
  init(_ engine: ClusterEngine) {
    mailbox = engine.loop.mailbox
    counters = engine.counters
    maximumOutstanding = engine.settings.maximumOutstanding
    executor = ClientExecutor(mailbox)
    self.engine = LoopBound(EngineBox(engine), loop: engine.loop)
  }

  /// Holds the engine until it is shut down: it has to go on its loop, and not where the last
  /// reference to this client goes while the loop still runs.
  private final class EngineBox {
    var engine: ClusterEngine?

    init(_ engine: ClusterEngine) {
      self.engine = engine
    }
  }

  /// Begins on a thread of its own.
  /// - Throws: `ClientError` when the system has no descriptors or threads left, or the server's
  ///   name is unknown.
  static func start(_ settings: ClusterEngine.Settings) throws(ClientError) -> ClientCore {
    let engine: ClusterEngine
    do throws(TransportError) {
      engine = try ClusterEngine(loop: EventLoop(), settings)
    } catch {
      throw ClientError(error)
    }
    // From here on it is used by its own thread only, also before that has begun.
    engine.loop.mailbox.disown()
    let core = ClientCore(engine)
    // The loop and all that lives on it are the thread's from here on.
    let loop = Handover(engine.loop)
    let hasStarted = DetachedThread.start {
      loop.value.run()
      // Whoever is left learns that the client has gone; nobody comes after them.
      for letter in loop.value.mailbox.end() { letter() }
    }
    guard hasStarted else {
      throw ClientError(.invalidRequest, "the system has no thread left for the client")
    }
    return core
  }

  private struct Handover: @unchecked Sendable {
    let value: EventLoop

    init(_ value: EventLoop) {
      self.value = value
    }
  }

  /// Waits for the answer to a request.
  /// - Throws: `ClientError` when there is none; an answer that tells of a failure is one.
  func perform(
    _ request: ClusterRequest, timeout: Duration?
  ) async throws(ClientError) -> ClusterReply {
    let call = PendingCall(request, timeout: timeout)
    let result = await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        call.continuation = continuation
        begin(call)
      }
    } onCancel: {
      cancel(call)
    }
    return try result.get()
  }

  /// Starts a call; on the loop at once, since its tasks need not wait for its next turn.
  func begin(_ call: PendingCall) {
    guard !isClosed.load(ordering: .acquiring) else { return call.finish(.failure(.shutDown)) }
    if mailbox.isCurrent { return call.start(at: engine.value.engine) }
    let isTaken = mailbox.post { [engine] in call.start(at: engine.value.engine) }
    // The loop may have ended since the look above; then nobody else knows of the call.
    if !isTaken { call.finish(.failure(.shutDown)) }
  }

  func cancel(_ call: PendingCall) {
    mailbox.post { [engine] in call.cancel(at: engine.value.engine) }
  }

  /// Fails what is under way, and everything later.
  /// - Parameter endsLoop: whether the loop is this client's own.
  func shutDown(endsLoop: Bool) {
    guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    mailbox.post { [box = engine] in
      guard let engine = box.value.engine else { return }
      box.value.engine = nil
      engine.shutdown()
      guard endsLoop else { return }
      // In a later turn: what the transport has to tell first is told in the next one.
      engine.loop.schedule(after: .zero) {
        engine.loop.schedule(after: .zero) { engine.loop.stop() }
      }
    }
  }
}

/// A request of a task, from before it reaches the loop until it is answered.
///
/// Whoever waits is told in any case: when all references are gone, that the client has.
final class PendingCall: @unchecked Sendable {
  // Unchecked: written before it is handed to the loop, and from there on used there only.
  private let request: ClusterRequest
  private let timeout: Duration?
  var continuation: UnsafeContinuation<Result<ClusterReply, ClientError>, Never>?
  /// Told instead of a continuation.
  private var completion: ((Result<ClusterReply, ClientError>) -> Void)?
  private var journey: Journey?
  private var isCancelled = false

  init(
    _ request: ClusterRequest, timeout: Duration?,
    completion: ((Result<ClusterReply, ClientError>) -> Void)? = nil
  ) {
    self.request = request
    self.timeout = timeout
    self.completion = completion
  }

  deinit { finish(.failure(.shutDown)) }

  /// - Parameter engine: nil when it has been shut down.
  func start(at engine: ClusterEngine?) {
    guard !isCancelled else {
      return finish(.failure(ClientError(.cancelled, "the request was cancelled")))
    }
    // Its loop may have ended.
    guard let engine, !engine.isShutDown else { return finish(.failure(.shutDown)) }
    journey = engine.send(request, timeout: timeout) { [self] in finish($0) }
  }

  func cancel(at engine: ClusterEngine?) {
    isCancelled = true
    if let journey { engine?.cancel(journey) }
  }

  func finish(_ result: Result<ClusterReply, ClientError>) {
    journey = nil
    continuation?.resume(returning: result)
    continuation = nil
    let completion = completion
    self.completion = nil
    completion?(result)
  }
}

/// Runs tasks on a client's loop (Swift Evolution proposal 0417), and where others run once the
/// client has gone.
final class ClientExecutor: TaskExecutor {
  private let mailbox: Mailbox

  init(_ mailbox: Mailbox) {
    self.mailbox = mailbox
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let isTaken = mailbox.post { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    if !isTaken { globalConcurrentExecutor.enqueue(ExecutorJob(job)) }
  }
}
