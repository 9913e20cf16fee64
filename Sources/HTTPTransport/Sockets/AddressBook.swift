/// The addresses behind names. Names are looked up on a thread of their
/// own, so that the loop never waits for a resolver.
package final class AddressBook {
  package typealias Completion = (SocketAddress?) -> Void

  private let loop: EventLoop
  /// By `host:port`.
  private var known: [String: SocketAddress] = [:]
  private var asked: [String: [Completion]] = [:]

  private static let capacity = 4_096

  package init(loop: EventLoop) {
    self.loop = loop
  }

  /// Tells the address of `host:port`, at once when it is numeric or known; nil when it has none.
  package func find(_ authority: String, _ completion: @escaping Completion) {
    if let address = known[authority] { return completion(address) }
    // What `SocketAddress` cannot read by itself is a name.
    if let address = try? SocketAddress(authority) {
      learn(authority, address)
      return completion(address)
    }
    if asked[authority] != nil {
      asked[authority]?.append(completion)
      return
    }
    asked[authority] = [completion]
    let bound = LoopBound(self, loop: loop)
    let mailbox = loop.mailbox
    let hasStarted = DetachedThread.start {
      let address = try? SocketAddress(resolving: authority)
      mailbox.post { bound.value.found(authority, address) }
    }
    if !hasStarted { found(authority, nil) }
  }

  /// Looks the name up again next time.
  package func forget(_ authority: String) {
    known[authority] = nil
  }

  private func found(_ authority: String, _ address: SocketAddress?) {
    if let address { learn(authority, address) }
    for completion in asked.removeValue(forKey: authority) ?? [] { completion(address) }
  }

  private func learn(_ authority: String, _ address: SocketAddress) {
    if known.count >= AddressBook.capacity { known = [:] }
    known[authority] = address
  }
}
