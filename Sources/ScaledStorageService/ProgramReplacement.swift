import Foundation
import Glibc
import HTTPTransport

/// Begins the program anew in this process, as it is on disk by then: with the same arguments and
/// process number, so that whoever runs it need not notice.
enum ProgramReplacement {
  private static let variable = "SCALED_STORAGE_LISTENING_SOCKET"

  /// Why the program cannot begin anew; nil when nothing is known to be in the way.
  static var obstacle: String? {
    let path = ProgramFile.path
    guard access(path, X_OK) == 0 else {
      let reason = String(cString: strerror(errno))
      return "the program \(path) cannot be executed: \(reason); put it in its place"
    }
    return nil
  }

  /// Runs the program in the place of this one. Returns only by throwing.
  ///
  /// - Parameter socket: what the next program is to listen by.
  /// - Throws: `ServiceFailure` with the system's reason.
  static func run(keeping socket: consuming ListeningSocket?) throws(ServiceFailure) {
    let path = ProgramFile.path
    if let text = socket?.bequeath() { setenv(variable, text, 1) }
    var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    execv(path, &arguments)
    let reason = String(cString: strerror(errno))
    for argument in arguments { free(argument) }
    throw ServiceFailure("the program \(path) cannot be executed: \(reason)")
  }

  /// What the program before in this process listened by; nil after the first call.
  static func inheritedSocket() -> ListeningSocket? {
    guard let text = getenv(variable).map({ String(cString: $0) }) else { return nil }
    // Programs that this one starts have nothing to do with it.
    unsetenv(variable)
    return ListeningSocket.inherited(text)
  }
}
