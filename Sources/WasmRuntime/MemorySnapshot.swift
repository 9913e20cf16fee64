/// The guest's memory before a query, to be as it was after it.
///
/// On the Internet Computer a query leaves no trace in a canister's memory (The IC Interface
/// Specification, "Canister methods"), and compilers count on it: a canister of Motoko that was
/// queried takes no call until its memory is back. That copies all of the memory twice, up to tens
/// of milliseconds; so only modules with stubbed imports pay for it.
///
/// Globals stay as the query left them.
struct MemorySnapshot: ~Copyable {
  private let call: HostCall
  private let bytes: UnsafeMutableRawBufferPointer

  init(_ call: HostCall) {
    self.call = call
    let memory = call.memory
    bytes = .allocate(byteCount: memory.count, alignment: 16)
    bytes.copyMemory(from: UnsafeRawBufferPointer(memory))
  }

  deinit { bytes.deallocate() }

  /// Memory that was added meanwhile stays, and becomes zero.
  func restore() {
    let memory = call.memory
    memory.copyMemory(from: UnsafeRawBufferPointer(bytes))
    UnsafeMutableRawBufferPointer(rebasing: memory[bytes.count...]).initializeMemory(
      as: UInt8.self, repeating: 0)
  }
}
