import Testing
import WasmRuntime

/// What compilers for the Internet Computer make: a memory of another name, and calls in passing of
/// what there is not here. Its methods count in the memory, and reply with the count.
private let canister = """
  (module
    (import "ic0" "stable64_size" (func $stableSize (result i64)))
    (import "ic0" "stable64_grow" (func $stableGrow (param i64) (result i64)))
    (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
    (import "ic0" "data_certificate_present" (func $isCertified (result i32)))
    (import "ic0" "global_timer_set" (func $timer (param i64) (result i64)))
    (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
    (import "ic0" "msg_reply" (func $reply))
    (memory (export "mem") 1)
    (func $count
      (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
      (call $append (i32.const 0) (i32.const 1))
      (call $reply))
    (func (export "canister_init")
      (if (i64.ne (call $stableSize) (i64.const 0)) (then unreachable))
      (if (i64.ne (call $stableGrow (i64.const 1)) (i64.const -1)) (then unreachable))
      (if (i32.ne (call $isCertified) (i32.const 0)) (then unreachable))
      (call $certify (i32.const 0) (i32.const 1)))
    (func (export "canister_update count") (call $count))
    (func (export "canister_query look")
      (drop (memory.grow (i32.const 1)))
      (call $count))
    (func (export "canister_update timer") (drop (call $timer (i64.const 1)))))
  """

@Suite struct CanisterTests {
  private func instance(stubbed: Bool) throws -> (WasmInstance, [String]) {
    let engine = try Wasmtime.engine()
    var bytes = try engine.assemble(canister)
    if stubbed {
      bytes = ModuleImage.appending(section: ModuleImage.stubsSection, [], to: bytes)
    }
    let image = try ModuleImage(bytes)
    #expect(image.memoryExport == "mem")
    let instance = try WasmInstance(engine.compile(bytes, image), id: [1])
    return (instance, image.methods.map(\.name))
  }

  @Test("With stubbed imports there is no stable memory and no certificate; other stubs trap")
  func stubs() throws {
    let (instance, methods) = try instance(stubbed: true)
    let count = try #require(methods.firstIndex(of: "count"))
    let timer = try #require(methods.firstIndex(of: "timer"))
    #expect(Wasmtime.call(instance, count).reply == [1])
    let trapped = Wasmtime.call(instance, timer)
    #expect(trapped.error == .trapped)
    #expect(trapped.message.contains("global_timer_set"))
  }

  @Test("With stubbed imports a query leaves no trace in the memory")
  func queries() throws {
    let (instance, methods) = try instance(stubbed: true)
    let count = try #require(methods.firstIndex(of: "count"))
    let look = try #require(methods.firstIndex(of: "look"))
    #expect(Wasmtime.call(instance, count).reply == [1])
    for _ in 0..<3 { #expect(Wasmtime.call(instance, look).reply == [2]) }
    #expect(Wasmtime.call(instance, count).reply == [2])
  }

  @Test("Without them the imports that there are not are named")
  func refused() throws {
    let error = #expect(throws: WasmError.self) { try instance(stubbed: false) }
    #expect(error?.code == .badModule)
    for name in ["ic0.stable64_size", "ic0.certified_data_set", "ic0.global_timer_set"] {
      #expect(error?.message.contains(name) == true)
    }
  }
}
