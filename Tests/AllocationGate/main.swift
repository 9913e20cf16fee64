import AllocationCounter
import Glibc

// Counts what a request costs in blocks of memory, on a node with a real store: on its loop's
// thread and on the one that commits. To be built in release mode: a debug build allocates for
// what the optimiser keeps on the stack. Exit status 1 when a request costs more than it may.

struct Gate {
  var name: String
  /// Allocations a request. What is below one belongs to turns of the loop and to commits, which
  /// many requests share.
  var limit: Double
  var request: @Sendable (_ number: Int) -> PlainRequest
}

guard allocation_counter_is_in_force() == 1 else {
  print("the sanitizer counts allocations itself; nothing was measured")
  exit(0)
}

var isWithin = true
for gate in [
  Gate(name: "GET", limit: 0.05) { PlainRequest(method: "GET", path: "/kv/key-\($0)") },
  Gate(name: "PUT", limit: 0.5) {
    PlainRequest(method: "PUT", path: "/kv/key-\($0)", body: [UInt8](repeating: 7, count: 100))
  },
  Gate(name: "call", limit: 0.5, request: CountedModule.call),
] {
  let count = try CountedNode.run(gate.request)
  let each = Double(count.allocations) / Double(max(1, count.requests))
  let verdict = count.isComplete && each <= gate.limit
  print(
    "\(gate.name): \(count.allocations) allocations for \(count.answered) of "
      + "\(count.requests) requests, \(each) each; at most \(gate.limit): "
      + (verdict ? "ok" : "FAILED"))
  isWithin = isWithin && verdict
}
exit(isWithin ? 0 : 1)
