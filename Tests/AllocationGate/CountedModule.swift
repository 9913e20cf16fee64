import Candid
import WasmRuntime

/// A module with one method, which reads its value, changes a byte and stores it again.
enum CountedModule {
  static func bytes() throws -> [UInt8] {
    guard let path = LibraryPath.found else {
      throw WasmError(.unavailable, "Wasmtime is missing; run deploy/wasmtime")
    }
    return try WasmEngine(libraryPath: path).assemble(text)
  }

  static func call(_ number: Int) -> PlainRequest {
    let arguments = try? CandidBinary.encode([.text("key-\(number)")])
    return PlainRequest(
      method: "POST", path: "/touch", contentType: "application/candid", body: arguments ?? [])
  }

  private static let text = """
    (module
      (import "ic0" "msg_reply" (func $reply))
      (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
      (import "scaled" "value_size" (func $size (result i32)))
      (import "scaled" "value_copy" (func $copy (param i32 i32 i32)))
      (import "scaled" "value_set" (func $set (param i32 i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "DIDL\\00\\00")
      (func (export "canister_update touch")
        (call $copy (i32.const 64) (i32.const 0) (call $size))
        (i32.store8 (i32.const 64) (i32.add (i32.load8_u (i32.const 64)) (i32.const 1)))
        (call $set (i32.const 64) (call $size))
        (call $append (i32.const 0) (i32.const 6))
        (call $reply)))
    """
}
