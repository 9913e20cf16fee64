import Glibc

/// A socket that listens, on its way from a program to the one that takes its place in the same
/// process (execve(2)): the system goes on taking connections, which wait for the next program.
package struct ListeningSocket: ~Copyable {
  let descriptor: Descriptor

  init(_ descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  /// Where it listens; nil when the system does not tell.
  package var address: SocketAddress? { try? Socket.localAddress(descriptor.rawValue) }

  /// Lets the next program have the descriptor. Returns what it is to be told: nil when the system
  /// does not allow that.
  package func bequeath() -> String? {
    let flags = fcntl(descriptor.rawValue, F_GETFD)
    guard flags >= 0, fcntl(descriptor.rawValue, F_SETFD, flags & ~FD_CLOEXEC) == 0 else {
      return nil
    }
    return "\(getpid()) \(descriptor.rawValue)"
  }

  /// Takes what the program before in this process has left; nil when that is nothing that listens.
  /// - Parameter text: what ``bequeath()`` told. A process that was started by the one for whom it
  ///   is has another number.
  package static func inherited(_ text: String) -> ListeningSocket? {
    let words = text.split(separator: " ")
    guard words.count == 2, Int32(words[0]) == getpid(), let number = Int32(words[1]), number > 2,
      Socket.isListening(number)
    else { return nil }
    let descriptor = Descriptor(owning: number)
    let flags = fcntl(number, F_GETFD)
    let mode = fcntl(number, F_GETFL)
    guard flags >= 0, mode >= 0, fcntl(number, F_SETFD, flags | FD_CLOEXEC) == 0,
      fcntl(number, F_SETFL, mode | O_NONBLOCK) == 0
    else { return nil }
    return ListeningSocket(descriptor)
  }
}
