import CWasmtime
import Glibc
import Synchronization

/// Wasmtime's functions, opened at run time: programs start and serve without them.
struct WasmLibrary: @unchecked Sendable {
  // Unchecked because the pointer is to a table that is never changed or freed.
  let functions: UnsafePointer<wasmtime_library>

  private static let opened = Mutex<[String: WasmLibrary]>([:])

  /// Opens the library, once for each path.
  /// - Throws: `WasmError` `.unavailable` with the reason.
  static func open(_ path: String) throws(WasmError) -> WasmLibrary {
    if let known = opened.withLock({ $0[path] }) { return known }
    var reason = [CChar](repeating: 0, count: 512)
    guard let table = wasmtime_library_open(path, &reason, reason.count) else {
      let end = reason.firstIndex(of: 0) ?? reason.count
      let text = String(decoding: reason[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw WasmError(.unavailable, "\(path) is not Wasmtime's library: \(text)")
    }
    let library = WasmLibrary(functions: table)
    opened.withLock { $0[path] = library }
    return library
  }

  // MARK: - Errors

  /// The text of an error, which is freed.
  func text(of error: OpaquePointer) -> String {
    var message = wasm_byte_vec()
    functions.pointee.wasmtime_error_message(error, &message)
    functions.pointee.wasmtime_error_delete(error)
    return take(&message)
  }

  /// What a trap says, which is freed.
  func failure(of trap: OpaquePointer) -> WasmError {
    defer { functions.pointee.wasm_trap_delete(trap) }
    var code: UInt8 = 0
    if functions.pointee.wasmtime_trap_code(trap, &code) {
      switch Int(code) {
      case WASMTIME_TRAP_OUT_OF_FUEL:
        return WasmError(.outOfFuel, "the call used up its fuel")
      case WASMTIME_TRAP_INTERRUPT:
        return WasmError(.deadline, "the call took longer than it may")
      default:
        return WasmError(.trapped, WasmLibrary.reason(Int(code)))
      }
    }
    var message = wasm_byte_vec()
    functions.pointee.wasm_trap_message(trap, &message)
    var text = take(&message)
    // Messages of the host end with a zero byte.
    while text.utf8.last == 0 { text.unicodeScalars.removeLast() }
    return WasmError(.trapped, text)
  }

  private static func reason(_ code: Int) -> String {
    switch code {
    case WASMTIME_TRAP_STACK_OVERFLOW: "the stack is used up"
    case WASMTIME_TRAP_MEMORY_OUT_OF_BOUNDS: "an access beyond the end of the memory"
    case WASMTIME_TRAP_TABLE_OUT_OF_BOUNDS: "an access beyond the end of a table"
    case WASMTIME_TRAP_INDIRECT_CALL_TO_NULL: "an indirect call of no function"
    case WASMTIME_TRAP_BAD_SIGNATURE: "an indirect call of a function of another type"
    case WASMTIME_TRAP_INTEGER_OVERFLOW: "an integer overflow"
    case WASMTIME_TRAP_DIVISION_BY_ZERO: "a division by zero"
    case WASMTIME_TRAP_BAD_CONVERSION: "a conversion of a number that no integer can hold"
    case WASMTIME_TRAP_UNREACHABLE: "the instruction \"unreachable\""
    default: "trap \(code)"
    }
  }

  /// The text of a vector, which is freed.
  private func take(_ vector: inout wasm_byte_vec) -> String {
    let bytes = UnsafeBufferPointer(start: vector.data, count: vector.data == nil ? 0 : vector.size)
    let text = String(decoding: bytes, as: UTF8.self)
    functions.pointee.wasm_byte_vec_delete(&vector)
    return text
  }

  static func text(_ vector: UnsafePointer<wasm_byte_vec>?) -> String {
    guard let vector = vector?.pointee, let data = vector.data else { return "" }
    return String(decoding: UnsafeBufferPointer(start: data, count: vector.size), as: UTF8.self)
  }
}
