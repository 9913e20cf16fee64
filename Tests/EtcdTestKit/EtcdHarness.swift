package import Etcd
package import HTTPTransport

/// A client on a loop that runs while something is waited for.
package final class EtcdHarness {
  package let loop: EventLoop
  package let client: EtcdClient

  package init(_ endpoints: [String], deadline: Duration = .seconds(10)) throws {
    loop = try EventLoop()
    client = EtcdClient(
      loop: loop, settings: EtcdSettings(endpoints: endpoints, callDeadline: deadline))
  }

  /// Runs the loop until `begin`'s completion is called.
  package func wait<Value>(_ begin: (@escaping (Value) -> Void) -> Void) -> Value {
    var value: Value?
    begin { [loop] in
      value = $0
      loop.stop()
    }
    while true {
      if let value { return value }
      loop.run()
    }
  }

  /// Ends a test that would never end by itself: the library's own limit does not reach a thread
  /// that waits. Far beyond what anything here takes.
  private let end = MonotonicTime.current() + .seconds(100)
  package struct Endless: Error {}

  private func checkTime() throws {
    guard MonotonicTime.current() < end else { throw Endless() }
  }

  /// Runs the loop until `isTrue`, which is asked after everything that stops the loop.
  package func wait(until isTrue: () -> Bool) throws {
    let timer = loop.schedule(after: end - .current()) { [loop] in loop.stop() }
    defer { loop.cancel(timer) }
    while !isTrue() {
      try checkTime()
      loop.run()
    }
  }

  package func range(_ key: String, isPrefix: Bool = false) -> Result<EtcdRange, EtcdError> {
    wait { client.range(bytes(key), isPrefix: isPrefix, $0) }
  }

  package func commit(_ transaction: EtcdTransaction) -> Result<EtcdOutcome, EtcdError> {
    wait { client.commit(transaction, $0) }
  }

  @discardableResult
  package func put(_ key: String, _ value: String, lease: Int64 = 0) throws -> EtcdOutcome {
    try commit(EtcdTransaction(success: [.put(bytes(key), bytes(value), lease: lease)])).get()
  }

  /// Asks until the members answer.
  package func waitUntilReady() throws {
    while case .failure = range("ready") { try checkTime() }
  }
}

package func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
