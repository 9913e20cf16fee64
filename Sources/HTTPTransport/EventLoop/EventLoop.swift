import CLinux
import Glibc

/// One thread's event loop: level-triggered epoll, timers, and a mailbox for other threads.
///
/// Everything but the ``mailbox`` belongs to the thread that calls ``run()``. A turn is: wait,
/// deliver readiness and letters, fire timers, run the end-of-turn hooks, flush connections.
public final class EventLoop {
  /// Takes work from other threads.
  public let mailbox: Mailbox

  /// Runs tasks on this loop.
  package private(set) lazy var executor: any TaskExecutor = LoopExecutor(mailbox: mailbox)

  /// The time at the start of this turn.
  public private(set) var now: MonotonicTime {
    get { turnStart }
    set { turnStart = newValue }
  }
  @exclusivity(unchecked) private var turnStart = MonotonicTime.current()

  /// Turns so far.
  @exclusivity(unchecked) private(set) var turnCount: UInt64 = 0
  /// Whatever is ready in this turn has become so after this: when the loop last looked and took
  /// all there was, or began to wait for more.
  @exclusivity(unchecked) private(set) var inputSince = MonotonicTime(nanoseconds: 0)
  /// How long input of this turn can have waited when it began.
  var inputWait: Duration { now - inputSince }
  private var lastLook = MonotonicTime(nanoseconds: 0)
  private var turnEnd = MonotonicTime(nanoseconds: 0)
  @exclusivity(unchecked) package private(set) var turnTimes = TurnTimes()

  /// Scratch space for one `read`, shared by all connections of the loop. Its contents are only
  /// valid until the reader returns.
  let readBuffer = UnsafeMutableRawBufferPointer.allocate(
    byteCount: EventLoop.bufferSize, alignment: 16)
  /// Scratch space in which one connection's output is gathered for one `write`.
  let writeBuffer = UnsafeMutableRawBufferPointer.allocate(
    byteCount: EventLoop.bufferSize, alignment: 16)

  private(set) lazy var tlsScratch = TLSScratch()

  /// What the nghttp2 sessions of this loop allocate from.
  let sessionMemory: SessionMemory

  static let bufferSize = 65_536
  private static let eventCapacity = 256

  private let epoll: Descriptor
  private let events = UnsafeMutablePointer<epoll_event>.allocate(
    capacity: EventLoop.eventCapacity)
  private var watches = WatchTable()
  private var timers = TimerQueue()
  private var hooks: [() -> Void] = []
  private var dirty: [any TurnFlushable] = []
  private var observers: [any TurnObserver] = []
  private var isRunning = false
  private var isStopping = false
  private var signalWatchers: [SignalWatcher] = []

  /// - Throws: `.system` when the process has no descriptors left.
  public convenience init() throws(TransportError) {
    try self.init(sessionMemoryLimit: SessionMemory.usualLimit)
  }

  /// - Parameter sessionMemoryLimit: bytes of freed blocks that are kept for nghttp2.
  package init(sessionMemoryLimit: Int) throws(TransportError) {
    sessionMemory = SessionMemory(limit: sessionMemoryLimit)
    mailbox = try Mailbox()
    let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard descriptor >= 0 else {
      let error = errno
      throw .system("epoll_create1", error)
    }
    epoll = Descriptor(owning: descriptor)
    var event = epoll_event()
    event.events = Readiness.readable.rawValue
    event.data.u64 = EventLoop.mailboxMark
    guard epoll_ctl(descriptor, EPOLL_CTL_ADD, mailbox.descriptor, &event) == 0 else {
      throw .system("epoll_ctl", errno)
    }
  }

  deinit {
    mailbox.close()
    events.deallocate()
    readBuffer.deallocate()
    writeBuffer.deallocate()
  }

  /// No slot has this index: the table cannot hold 2³² descriptors.
  private static let mailboxMark = UInt64.max

  /// Whether the caller is on the loop's thread: the one that runs it, or created it when it never
  /// ran.
  public var isCurrent: Bool { mailbox.isCurrent }

  /// Serves events on the calling thread until ``stop()``. It can be run again after that.
  public func run() {
    mailbox.adopt()
    isRunning = true
    isStopping = false
    now = .current()
    finishTurn()
    while !isStopping {
      guard turn() else { break }
    }
    isRunning = false
  }

  /// Makes ``run()`` return at the end of this turn. From another thread, post to the ``mailbox``.
  public func stop() {
    isStopping = true
  }

  // MARK: Timers and hooks

  /// Runs `body` once, not before `delay` has passed.
  @discardableResult
  public func schedule(after delay: Duration, _ body: @escaping () -> Void) -> TimerID {
    if !isRunning { now = .current() }
    return timers.add(at: now + delay, body)
  }

  /// Forgets the timer; harmless when it fired already.
  public func cancel(_ timer: TimerID) {
    timers.remove(timer)
  }

  /// Runs `body` once at the end of the current turn, before connections are flushed: the place
  /// where the writes of one turn are grouped. Hooks run in order; those that hooks register run
  /// in the same turn.
  public func atEndOfTurn(_ body: @escaping () -> Void) {
    hooks.append(body)
  }

  /// Flushes `target` once at the end of the turn. The caller keeps its own mark, so that it asks
  /// once a turn.
  func flushAtEndOfTurn(_ target: any TurnFlushable) {
    dirty.append(target)
  }

  /// Tells `observer` once when this turn has ended. It asks once a turn.
  func tellAtTurnEnd(_ observer: any TurnObserver) {
    observers.append(observer)
  }

  // MARK: Descriptors

  /// Registers `descriptor` and keeps `handler` until ``unwatch(_:descriptor:)``.
  func watch(
    _ descriptor: Int32, for interest: Readiness, _ handler: any ReadinessHandler
  ) throws(TransportError) -> WatchID {
    let id = watches.insert(handler)
    var event = epoll_event()
    event.events = interest.rawValue
    event.data.u64 = id.packed
    guard epoll_ctl(epoll.rawValue, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
      let error = errno
      _ = watches.remove(id)
      throw .system("epoll_ctl", error)
    }
    return id
  }

  /// Changes what `descriptor` waits for. Hang-ups and errors are reported in any case.
  func update(_ id: WatchID, descriptor: Int32, for interest: Readiness) {
    var event = epoll_event()
    event.events = interest.rawValue
    event.data.u64 = id.packed
    _ = epoll_ctl(epoll.rawValue, EPOLL_CTL_MOD, descriptor, &event)
  }

  /// Forgets the registration. To be called before the descriptor is closed; events of this turn
  /// that are already fetched no longer reach the handler.
  func unwatch(_ id: WatchID, descriptor: Int32) {
    guard watches.remove(id) else { return }
    var event = epoll_event()
    _ = epoll_ctl(epoll.rawValue, EPOLL_CTL_DEL, descriptor, &event)
  }

  func keep(_ watcher: SignalWatcher) {
    signalWatchers.append(watcher)
  }

  // MARK: One turn

  private func turn() -> Bool {
    let count = epoll_wait(
      epoll.rawValue, events, Int32(EventLoop.eventCapacity), waitMilliseconds())
    let error = errno
    now = .current()
    if count < 0 {
      return error == EINTR
    }
    turnCount &+= 1
    noteLook(tookAll: count < EventLoop.eventCapacity)
    for index in 0..<Int(count) {
      let packed = events[index].data.u64
      if packed == EventLoop.mailboxMark {
        for letter in mailbox.take() { letter() }
      } else if let handler = watches.handler(packed: packed) {
        handler.ready(Readiness(rawValue: events[index].events))
      }
    }
    let bound = timers.bound
    while let body = timers.popDue(now: now, before: bound) { body() }
    finishTurn()
    turnEnd = .current()
    turnTimes.add(turnEnd.nanoseconds &- now.nanoseconds)
    for observer in observers { observer.turnEnded(at: turnEnd) }
    observers.removeAll(keepingCapacity: true)
    return true
  }

  private func noteLook(tookAll: Bool) {
    // Less is the price of looking.
    let isIdle = now - turnEnd > EventLoop.shortestIdleness
    if isIdle {
      inputSince = now
      lastLook = now
    } else {
      inputSince = lastLook
      if tookAll { lastLook = now }
    }
  }

  private static let shortestIdleness = Duration.microseconds(100)

  private func finishTurn() {
    while !hooks.isEmpty || !dirty.isEmpty {
      var index = 0
      while index < hooks.count {
        hooks[index]()
        index += 1
      }
      hooks.removeAll(keepingCapacity: true)
      // Flushing may register hooks and mark connections again: both belong to this turn.
      index = 0
      while index < dirty.count, hooks.isEmpty {
        dirty[index].flush()
        index += 1
      }
      dirty.removeFirst(index)
    }
  }

  /// Rounded up, so that the loop never wakes just before a deadline to find nothing due.
  private func waitMilliseconds() -> Int32 {
    if isStopping { return 0 }
    guard let deadline = timers.nextDeadline() else { return -1 }
    guard deadline > now else { return 0 }
    let nanoseconds = deadline.nanoseconds - now.nanoseconds
    let milliseconds = nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1)
    return Int32(clamping: milliseconds)
  }
}
