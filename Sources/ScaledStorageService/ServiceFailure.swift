/// Why a service could not do what it was asked for: one sentence, printed on standard error; the
/// exit status is 1.
struct ServiceFailure: Error, Hashable, CustomStringConvertible {
  let message: String

  init(_ message: String) {
    self.message = message
  }

  var description: String { message }
}
