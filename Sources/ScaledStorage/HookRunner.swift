import Candid
import HTTPTransport

/// Runs a service's hooks at the turns of its node's life.
final class HookRunner {
  private let hooks: Hooks
  private let space: any KeySpace
  private let loop: EventLoop
  private let report: (String) -> Void
  private var isStarted = false
  private var isStopped = false
  private let me = BackReference<HookRunner>()

  /// - Parameter report: told of what hooks throw.
  init(
    _ hooks: Hooks, _ space: any KeySpace, loop: EventLoop, report: @escaping (String) -> Void
  ) {
    self.hooks = hooks
    self.space = space
    self.loop = loop
    self.report = report
    me.set(self)
  }

  deinit { me.clear() }

  /// The node became a member.
  func initialised() {
    for body in hooks.initialised { run(body, "onInit") }
  }

  /// The node is a member and listens. Only the first call counts.
  func started() {
    guard !isStarted, !isStopped else { return }
    isStarted = true
    for body in hooks.started { run(body, "onStart") }
    for (interval, body) in hooks.heartbeats { beat(every: interval, body) }
  }

  func ringChanged() {
    guard isStarted else { return }
    for body in hooks.ringChanged { run(body, "onRingChange") }
  }

  /// `done` is called once the hooks have ended.
  func stopping(_ done: @escaping () -> Void) {
    isStopped = true
    guard isStarted, !hooks.stopping.isEmpty else { return done() }
    var left = hooks.stopping.count
    for body in hooks.stopping {
      run(body, "onStop") {
        left -= 1
        if left == 0 { done() }
      }
    }
  }

  private func beat(every interval: Duration, _ body: @escaping Hooks.Body) {
    loop.schedule(after: interval) { [me] in
      guard let runner = me.target, !runner.isStopped else { return }
      runner.run(body, "heartbeat") { me.target?.beat(every: interval, body) }
    }
  }

  private func run(
    _ body: @escaping Hooks.Body, _ name: String, _ done: @escaping () -> Void = {}
  ) {
    let end = LoopBound(
      { [me] (failure: (any Error)?) in
        if let failure { me.target?.report("the hook \(name) threw \(failure)") }
        done()
      }, loop: loop)
    let (space, mailbox) = (space, loop.mailbox)
    Task.immediate(executorPreference: loop.executor) {
      var failure: (any Error)?
      do { try await body(space) } catch { failure = error }
      let thrown = failure
      mailbox.post { end.value(thrown) }
    }
  }
}
