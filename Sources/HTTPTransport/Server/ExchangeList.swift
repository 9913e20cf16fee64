/// Exchanges linked through themselves. An exchange that is made for a list belongs to one list at
/// a time, which keeps it; adding and removing count no references and allocate nothing.
///
/// Its state lies behind a pointer, so that a class keeps it as a constant, without checks of
/// exclusive access.
struct ExchangeList: ~Copyable {
  private struct State {
    var first: Unmanaged<Exchange>?
    var count = 0
  }

  private let state: UnsafeMutablePointer<State>

  init() {
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    while let exchange = popFirst() { ExchangeList.drop(exchange) }
    state.deallocate()
  }

  var count: Int { state.pointee.count }

  var isEmpty: Bool { state.pointee.first == nil }

  var first: Exchange? { state.pointee.first?.takeUnretainedValue() }

  /// A new exchange, to be added to a list or dropped.
  static func make() -> Exchange { Unmanaged.passRetained(Exchange()).takeUnretainedValue() }

  /// Frees an exchange that is in no list, once nobody uses it any more.
  static func drop(_ exchange: Exchange) { Unmanaged.passUnretained(exchange).release() }

  /// Adds an exchange that is in no list.
  func prepend(_ exchange: Exchange) {
    let link = Unmanaged.passUnretained(exchange)
    let next = state.pointee.first
    exchange.previous = nil
    exchange.next = next
    next?._withUnsafeGuaranteedRef { $0.previous = link }
    state.pointee.first = link
    state.pointee.count += 1
  }

  func popFirst() -> Exchange? {
    guard let link = state.pointee.first else { return nil }
    let exchange = link.takeUnretainedValue()
    remove(exchange)
    return exchange
  }

  /// Removes an exchange that is in this list.
  func remove(_ exchange: Exchange) {
    let (previous, next) = (exchange.previous, exchange.next)
    if let previous {
      previous._withUnsafeGuaranteedRef { $0.next = next }
    } else {
      state.pointee.first = next
    }
    next?._withUnsafeGuaranteedRef { $0.previous = previous }
    exchange.previous = nil
    exchange.next = nil
    state.pointee.count -= 1
  }

  /// Hands each exchange to `body`, which may remove that one.
  func forEach(_ body: (Exchange) -> Void) {
    var link = state.pointee.first
    while let current = link {
      let exchange = current.takeUnretainedValue()
      link = exchange.next
      body(exchange)
    }
  }
}
