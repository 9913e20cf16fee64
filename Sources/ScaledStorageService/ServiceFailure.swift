/// Why a service could not do what it was asked for: one sentence, printed on standard error; the
/// exit status is 1.
package struct ServiceFailure: Error, Hashable, CustomStringConvertible {
  package let message: String

  init(_ message: String) {
    self.message = message
  }

  package var description: String { message }
}
