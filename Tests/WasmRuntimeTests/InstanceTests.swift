import Testing
import WasmRuntime

/// A module whose update "swap" replies with the value and stores its arguments.
private let swapModule = """
  (module
    (import "ic0" "msg_arg_data_size" (func $argSize (result i32)))
    (import "ic0" "msg_arg_data_copy" (func $argCopy (param i32 i32 i32)))
    (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
    (import "ic0" "msg_reply" (func $reply))
    (import "scaled" "value_size" (func $size (result i32)))
    (import "scaled" "value_copy" (func $copy (param i32 i32 i32)))
    (import "scaled" "value_set" (func $set (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "canister_update swap")
      (local $n i32)
      (local.set $n (call $size))
      (if (i32.ge_s (local.get $n) (i32.const 0)) (then
        (call $copy (i32.const 0) (i32.const 0) (local.get $n))
        (call $append (i32.const 0) (local.get $n))))
      (call $argCopy (i32.const 1024) (i32.const 0) (call $argSize))
      (call $set (i32.const 1024) (call $argSize))
      (call $reply)))
  """

@Suite struct InstanceTests {
  @Test("A method reads its arguments and the value, sets the value and replies")
  func readsAndSets() throws {
    let instance = try Wasmtime.instance(swapModule)
    let first = Wasmtime.call(instance, 0, [1, 2, 3])
    #expect(first == Wasmtime.Outcome(reply: [], value: [1, 2, 3]))
    let second = Wasmtime.call(instance, 0, [4], value: [9, 8])
    #expect(second == Wasmtime.Outcome(reply: [9, 8], value: [4]))
    #expect(instance.fuelUsed > 10 && instance.fuelUsed < 1_000)
  }

  @Test("What a module says of itself is read without compiling it")
  func image() throws {
    let bytes = try Wasmtime.engine().assemble(swapModule)
    let image = try ModuleImage(bytes)
    #expect(image.methods.map(\.export) == ["canister_update swap"])
    #expect(image.imports.count == 7 && image.functionCount == 1)
    let named = ModuleImage.appending(
      section: ModuleImage.candidSection, Array("service : {}".utf8), to: bytes)
    #expect(try ModuleImage(named).candid == "service : {}")
  }
}
