import CLinux
import Glibc
import Synchronization

/// Hands work to a loop from any thread.
public final class Mailbox: Sendable {
  private struct State {
    var letters: [@Sendable () -> Void] = []
    var closed = false
  }

  private let state = Mutex(State())
  private let wakeup: Descriptor
  /// The thread that runs the loop, as `pthread_self` names it.
  private let owner: Atomic<UInt>

  init() throws(TransportError) {
    let descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard descriptor >= 0 else { throw .system("eventfd", errno) }
    wakeup = Descriptor(owning: descriptor)
    owner = Atomic(UInt(pthread_self()))
  }

  /// Runs `body` on the loop, in the order of posting, in its next turn. Returns false, and drops
  /// `body`, when the loop is gone.
  @discardableResult
  public func post(_ body: @escaping @Sendable () -> Void) -> Bool {
    let (accepted, mustWake) = state.withLock { state in
      guard !state.closed else { return (false, false) }
      state.letters.append(body)
      return (true, state.letters.count == 1)
    }
    if mustWake {
      var one: UInt64 = 1
      // A full counter means that the loop is awake already.
      _ = write(wakeup.rawValue, &one, 8)
    }
    return accepted
  }

  var descriptor: Int32 { wakeup.rawValue }

  package var isCurrent: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

  /// Says that the loop will be run by a thread that is not there yet.
  package func disown() {
    owner.store(0, ordering: .relaxed)
  }

  func adopt() {
    owner.store(UInt(pthread_self()), ordering: .relaxed)
  }

  func take() -> [@Sendable () -> Void] {
    var count: UInt64 = 0
    _ = read(wakeup.rawValue, &count, 8)
    return state.withLock { state in
      let letters = state.letters
      state.letters = []
      return letters
    }
  }

  func close() {
    // Released outside the lock: a closure's captures may run code in their deinit.
    _ = end().count
  }

  /// Takes no more letters, and gives those that are left to who runs them or drops them.
  package func end() -> [@Sendable () -> Void] {
    state.withLock { state in
      state.closed = true
      let letters = state.letters
      state.letters = []
      return letters
    }
  }
}
