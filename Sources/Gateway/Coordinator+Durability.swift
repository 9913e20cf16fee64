import Cluster
import HTTPTransport

/// What became of a state that was to be stored.
enum Durability {
  case durable
  /// Another gateway leads before it is known to be stored: it may be, or not.
  case superseded
  /// The time is up: it will be stored, or not.
  case late
}

/// One that waits for a state to be durable.
final class DurabilityWait {
  fileprivate let sequence: UInt64
  fileprivate let body: (Durability) -> Void
  fileprivate var timer: TimerID?

  fileprivate init(_ sequence: UInt64, _ body: @escaping (Durability) -> Void) {
    self.sequence = sequence
    self.body = body
  }
}

extension Coordinator {
  /// Calls `body`, never within, once what the machine has decided so far is durable, or it cannot
  /// be known any more whether it is.
  /// - Parameter patience: how long it waits; nil waits for ever.
  func onceDurable(
    within patience: Duration? = nil, _ body: @escaping (Durability) -> Void
  ) {
    let sequence = machine.lastSequence
    guard sequence > machine.durableSequence else {
      return loop.atEndOfTurn { body(.durable) }
    }
    let wait = DurabilityWait(sequence, body)
    durabilityWaits.append(wait)
    guard let patience else { return }
    wait.timer = loop.schedule(after: patience) { [weak self, weak wait] in
      guard let self, let wait else { return }
      wait.timer = nil
      durabilityWaits.removeAll { $0 === wait }
      wait.body(.late)
    }
  }

  /// Tells who waits for what is durable by now.
  func noteDurability() {
    let ready = durabilityWaits.filter { $0.sequence <= machine.durableSequence }
    durabilityWaits.removeAll { $0.sequence <= machine.durableSequence }
    for wait in ready { end(wait, .durable) }
  }

  /// Tells all who wait that another gateway leads.
  func giveUpDurability() {
    let waits = durabilityWaits
    durabilityWaits = []
    for wait in waits { end(wait, .superseded) }
  }

  private func end(_ wait: DurabilityWait, _ durability: Durability) {
    if let timer = wait.timer { loop.cancel(timer) }
    wait.body(durability)
  }
}
