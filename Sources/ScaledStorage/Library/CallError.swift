package import WireProtocol
package import Cluster

/// Why a method, or the middleware ahead of it, refuses a call. Throw it to tell the caller; the
/// answer is a problem document (RFC 9457) with the same words.
///
/// ```swift
/// guard points > 0 else { throw CallError.badArguments("points must be more than 0") }
/// ```
///
/// What a synchronous method has changed before it throws is not stored.
public struct CallError: Error, Hashable, Sendable {
  /// The status of the answer, 400 to 599 (RFC 9110 sections 15.5 and 15.6).
  public var status: Int {
    didSet { status = CallError.valid(status) }
  }
  /// A stable word for programs, in lower case with underscores.
  public var code: String
  /// A sentence for people: what was wrong and how to mend it.
  public var message: String
  /// Whether the same call may succeed a little later. Clients repeat such calls, so that the
  /// answer never says so of a method that has changed values before it threw.
  public var isRetryable: Bool

  /// An error with a code of the service's own.
  ///
  /// - Parameters:
  ///   - status: of the answer; other numbers than 400 to 599 become 500.
  ///   - code: a stable word for programs.
  ///   - message: a sentence for people.
  ///   - isRetryable: whether the same call may succeed a little later.
  public init(status: Int, code: String, _ message: String, isRetryable: Bool = false) {
    self.status = CallError.valid(status)
    self.code = code
    self.message = message
    self.isRetryable = isRetryable
  }

  private static func valid(_ status: Int) -> Int {
    (400...599).contains(status) ? status : 500
  }

  /// 400, `bad_arguments`.
  public static func badArguments(_ message: String) -> CallError {
    CallError(status: 400, code: "bad_arguments", message)
  }

  /// 401, `unauthenticated`: the caller has to say who it is.
  public static func unauthenticated(_ message: String) -> CallError {
    CallError(status: 401, code: "unauthenticated", message)
  }

  /// 403, `forbidden`: who the caller is does not suffice.
  public static func forbidden(_ message: String) -> CallError {
    CallError(status: 403, code: "forbidden", message)
  }

  /// 404, `not_found`.
  public static func notFound(_ message: String) -> CallError {
    CallError(status: 404, code: "not_found", message)
  }

  /// 409, `conflict`: the value is not in a state that allows it.
  public static func conflict(_ message: String) -> CallError {
    CallError(status: 409, code: "conflict", message)
  }

  /// 412, `precondition_failed`: the value is at another version than the caller expects.
  public static func preconditionFailed(_ message: String) -> CallError {
    CallError(status: 412, code: "precondition_failed", message)
  }

  /// 503, `unavailable`, retryable.
  public static func unavailable(_ message: String) -> CallError {
    CallError(status: 503, code: "unavailable", message, isRetryable: true)
  }
}

/// What the node refuses, for the code of a method.
extension CallError {
  package init(_ problem: Problem) {
    self.init(
      status: problem.status, code: problem.code, problem.detail, isRetryable: problem.isRetryable)
  }

  package init(_ error: ClusterError) {
    self.init(Problem(error))
  }
}

extension Problem {
  package init(_ error: CallError) {
    self.init(error.status, error.code, error.message)
    isRetryable = error.isRetryable
    retryAfter = error.isRetryable ? 1 : nil
  }
}
