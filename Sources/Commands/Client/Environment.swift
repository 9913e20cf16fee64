import Glibc

/// The variables of the process's environment, or of a test's.
struct Environment: Sendable {
  let value: @Sendable (String) -> String?

  static let process = Environment { name in
    getenv(name).map { String(cString: $0) }
  }
}
