import Testing
import WasmRuntime

/// The counter as a module: eight bytes under each key.
enum CounterModule {
  /// Its binary form.
  /// - Throws: when Wasmtime's library is not installed: `deploy/wasmtime` does that.
  static func assembled() throws -> [UInt8] {
    let path = try #require(
      LibraryPath.found, "Wasmtime is missing; run deploy/wasmtime, as deploy/check does")
    return try WasmEngine(libraryPath: path).assemble(text)
  }

  /// The amount is what the arguments end with, whatever their header.
  private static let text = """
    (module
      (import "ic0" "msg_arg_data_size" (func $arg_size (result i32)))
      (import "ic0" "msg_arg_data_copy" (func $arg_copy (param i32 i32 i32)))
      (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
      (import "ic0" "msg_reply" (func $reply))
      (import "scaled" "value_size" (func $value_size (result i32)))
      (import "scaled" "value_copy" (func $value_copy (param i32 i32 i32)))
      (import "scaled" "value_set" (func $value_set (param i32 i32)))
      (memory (export "memory") 1)
      (data (i32.const 32) "DIDL\\00\\01\\78")
      (@custom "icp:public candid:service"
        "service : { add : (key : text, amount : nat64) -> (nat64); "
        "get : (key : text) -> (nat64) query }")
      (func $load
        (i64.store (i32.const 8) (i64.const 0))
        (if (i32.eq (call $value_size) (i32.const 8))
          (then (call $value_copy (i32.const 8) (i32.const 0) (i32.const 8)))))
      (func $answer
        (call $append (i32.const 32) (i32.const 7))
        (call $append (i32.const 8) (i32.const 8))
        (call $reply))
      (func (export "canister_update add")
        (call $arg_copy
          (i32.const 0) (i32.sub (call $arg_size) (i32.const 8)) (i32.const 8))
        (call $load)
        (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (i64.load (i32.const 0))))
        (call $value_set (i32.const 8) (i32.const 8))
        (call $answer))
      (func (export "canister_query get") (call $load) (call $answer)))
    """
}
