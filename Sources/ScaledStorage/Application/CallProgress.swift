import Synchronization
import WireProtocol

/// Whether a method that waits has changed values.
final class CallProgress: Sendable {
  private let changed = Atomic(false)

  var hasChanged: Bool { changed.load(ordering: .relaxed) }

  /// A change was made, or may have been.
  func noteChange() {
    changed.store(true, ordering: .relaxed)
  }
}

/// A method failed after it had changed values: to call it again would change them twice.
struct PartlyDone: Error {
  let cause: any Error

  /// These codes tell that nothing was done: programs of the cluster may ask again.
  static let repeatedCodes = ["stale_epoch", "too_many_hops"]

  var problem: Problem {
    if cause is ForwardRequired {
      return Problem(
        500, "partly_done",
        "the key moved to another node after the method had changed values; what is left to do is "
          + "for its caller to decide")
    }
    var problem = KeyedMethod.problem(cause)
    if PartlyDone.repeatedCodes.contains(problem.code) {
      problem.detail = "after the method had changed values: \(problem.detail)"
      (problem.status, problem.code) = (500, "partly_done")
    }
    problem.isRetryable = false
    problem.retryAfter = nil
    return problem
  }
}
