import CLinux
import Glibc

/// The clock of this machine.
package enum MachineClock {
  /// Whether something keeps it in step with others (adjtimex(2)); true where the system does not
  /// tell.
  package static var isInStep: Bool {
    var state = timex()
    return adjtimex(&state) != TIME_ERROR
  }
}
