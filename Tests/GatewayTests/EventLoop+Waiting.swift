import HTTPTransport
import Testing

extension EventLoop {
  /// Runs the loop until the condition holds; records an issue when it does not in a minute.
  func run(
    until what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: @escaping () -> Bool
  ) {
    let deadline = now + .seconds(60)
    func look() {
      if condition() || now > deadline { return stop() }
      schedule(after: .milliseconds(1), look)
    }
    look()
    if !condition() { run() }
    #expect(condition(), "\(what)", sourceLocation: sourceLocation)
  }
}
