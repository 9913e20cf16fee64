package import HTTPTransport
package import Storage

/// Carries outcomes from a committer's thread to the loop of the committer's owner.
package final class CommitRelay: Sendable {
  private final class Target {
    var onOutcome: (CommitOutcome) -> Void = { _ in }
  }

  private let target: LoopBound<Target>
  private let mailbox: Mailbox

  package init(loop: EventLoop) {
    target = LoopBound(Target(), loop: loop)
    mailbox = loop.mailbox
  }

  /// Called on the loop, in order. Set on the loop.
  package var onOutcome: (CommitOutcome) -> Void {
    get { target.value.onOutcome }
    set { target.value.onOutcome = newValue }
  }

  /// Called on the committer's thread.
  package func deliver(_ outcome: CommitOutcome) {
    mailbox.post { [target] in target.value.onOutcome(outcome) }
  }
}
