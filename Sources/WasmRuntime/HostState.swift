import CWasmtime
import Glibc

/// What the functions of the host see and do during one call. One object serves all calls of an
/// instance: they come one after the other.
final class HostState {
  enum Ending {
    case none, replied, rejected
  }

  enum Change {
    case keep, set, delete
  }

  let library: WasmLibrary
  let limits: WasmLimits
  /// The instance's memory, valid for its store; nil when the module exports none.
  @exclusivity(unchecked) var memory: wasmtime_memory?

  // What the call is given. The pointers are valid within the call.
  @exclusivity(unchecked) var arguments = UnsafeRawBufferPointer(start: nil, count: 0)
  @exclusivity(unchecked) var caller = UnsafeRawBufferPointer(start: nil, count: 0)
  @exclusivity(unchecked) var method = UnsafeRawBufferPointer(start: nil, count: 0)
  @exclusivity(unchecked) var canisterID: [UInt8] = []
  /// The value under the key; nil when there is none.
  @exclusivity(unchecked) var value: UnsafeRawBufferPointer?
  @exclusivity(unchecked) var hasKey = false
  @exclusivity(unchecked) var isQuery = false
  @exclusivity(unchecked) var fuel: UInt64 = 0
  @exclusivity(unchecked) var balance: UInt64 = 0

  // What the call makes.
  @exclusivity(unchecked) var ending = Ending.none
  @exclusivity(unchecked) var change = Change.keep
  let reply = ByteScratch()
  let newValue = ByteScratch()
  @exclusivity(unchecked) var rejection = ""
  /// Why a function of the host ended the call.
  @exclusivity(unchecked) var failure: WasmError?
  @exclusivity(unchecked) var printed = ""
  @exclusivity(unchecked) private var instant: Int64?

  init(library: WasmLibrary, limits: WasmLimits) {
    self.library = library
    self.limits = limits
  }

  /// Forgets the call before. What it printed is taken by its caller.
  func begin() {
    ending = .none
    change = .keep
    reply.removeAll()
    newValue.removeAll()
    if !rejection.isEmpty { rejection = "" }
    if failure != nil { failure = nil }
    if !printed.isEmpty { printed = "" }
    instant = nil
  }

  /// What the call was given lasts no longer than the call.
  func forgetCall() {
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    arguments = nothing
    caller = nothing
    method = nothing
    value = nil
    hasKey = false
  }

  /// Nanoseconds since 1970, the same throughout a call.
  var time: Int64 {
    if let instant { return instant }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let time = Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    instant = time
    return time
  }

  /// The value as this call has left it so far.
  var currentValue: UnsafeRawBufferPointer? {
    switch change {
    case .keep: value
    case .set: newValue.bytes
    case .delete: nil
    }
  }
}

/// A call of the host by the guest: the guest's memory, and traps.
struct HostCall {
  let host: HostState
  let context: OpaquePointer?

  private var functions: UnsafePointer<wasmtime_library> { host.library.functions }

  /// Copying so many bytes costs one unit of fuel, as instructions do; short copies are free.
  private static let bytesPerFuel = 8
  private static let freeBytes = 1_024
  /// What each call of the host costs besides, near what it takes: else a loop of such calls would
  /// hold the thread until its deadline.
  private static let fuel: UInt64 = 100

  /// The guest's bytes; nil beyond the end of its memory. They are valid until the guest goes on.
  func bytes(at start: Int32, count: Int32) -> UnsafeMutableRawBufferPointer? {
    let start = Int(UInt32(bitPattern: start))
    let count = Int(UInt32(bitPattern: count))
    let memory = memory
    guard memory.baseAddress != nil, start <= memory.count, count <= memory.count - start else {
      return nil
    }
    return UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + count])
  }

  /// All of the guest's memory, until the guest goes on; empty where it exports none.
  var memory: UnsafeMutableRawBufferPointer {
    guard var memory = host.memory else {
      return UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }
    let base = functions.pointee.wasmtime_memory_data(context, &memory)
    return UnsafeMutableRawBufferPointer(
      start: base, count: functions.pointee.wasmtime_memory_data_size(context, &memory))
  }

  /// Copies `source[offset..<offset + count]` into the guest's memory.
  func copy(
    _ source: UnsafeRawBufferPointer, _ offset: Int32, _ count: Int32, to start: Int32
  ) -> OpaquePointer? {
    let offset = Int(UInt32(bitPattern: offset))
    guard let target = bytes(at: start, count: count) else { return outOfBounds }
    guard offset <= source.count, target.count <= source.count - offset else {
      return trap("it copies bytes \(offset) to \(offset + target.count) of \(source.count)")
    }
    if let trap = charge(target.count) { return trap }
    target.copyMemory(
      from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + target.count]))
    return nil
  }

  /// Takes the fuel of the call itself.
  func charge() -> OpaquePointer? { take(HostCall.fuel) }

  /// Takes the fuel of a copy.
  func charge(_ count: Int) -> OpaquePointer? {
    count > HostCall.freeBytes ? take(UInt64(count / HostCall.bytesPerFuel)) : nil
  }

  private func take(_ price: UInt64) -> OpaquePointer? {
    let left = remainingFuel
    guard left > price else {
      return functions.pointee.wasmtime_trap_new_code(UInt8(WASMTIME_TRAP_OUT_OF_FUEL))
    }
    _ = functions.pointee.wasmtime_context_set_fuel(context, left - price)
    return nil
  }

  var remainingFuel: UInt64 {
    var left: UInt64 = 0
    _ = functions.pointee.wasmtime_context_get_fuel(context, &left)
    return left
  }

  var outOfBounds: OpaquePointer? {
    functions.pointee.wasmtime_trap_new_code(UInt8(WASMTIME_TRAP_MEMORY_OUT_OF_BOUNDS))
  }

  func trap(_ message: String, _ code: WasmError.Code = .trapped) -> OpaquePointer? {
    host.failure = WasmError(code, message)
    // Its own message would come back with a backtrace around it.
    return functions.pointee.wasmtime_trap_new(nil, 0)
  }
}
