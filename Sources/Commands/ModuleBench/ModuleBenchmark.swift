import WasmRuntime

/// Measures calls of methods that do little, in turns.
struct ModuleBenchmark {
  struct Figure: Encodable {
    var method: String
    /// The median of the rounds.
    var nanoseconds: Double
    var fuel: Int
  }

  let rounds: Int
  let libraryPath: String
  private let callsPerRound = 5_000

  func run() throws(WasmError) -> [Figure] {
    let engine = try WasmEngine(libraryPath: libraryPath)
    let bytes = try engine.assemble(ModuleBenchmark.text)
    let module = try engine.compile(bytes, ModuleImage(bytes))
    let instance = try WasmInstance(module, id: [])
    let methods = module.image.methods
    var samples = methods.map { _ in [Double]() }
    var fuel = methods.map { _ in 0 }
    for round in 0...rounds {
      for index in methods.indices {
        let time = try time(instance, index)
        // The first round warms up.
        if round > 0 { samples[index].append(time) }
        fuel[index] = Int(clamping: instance.fuelUsed)
      }
    }
    return methods.indices.map { index in
      let sorted = samples[index].sorted()
      return Figure(
        method: methods[index].name, nanoseconds: sorted[sorted.count / 2], fuel: fuel[index])
    }
  }

  /// Nanoseconds of one call.
  private func time(_ instance: WasmInstance, _ method: Int) throws(WasmError) -> Double {
    let value = [UInt8](repeating: 7, count: 100)
    let clock = ContinuousClock()
    var failure: WasmError?
    let time = value.withUnsafeBytes { value in
      clock.measure {
        let call = WasmInstance.Call(
          method: method, arguments: value, caller: value, hasKey: true, value: value, balance: 0)
        for _ in 0..<callsPerRound {
          do throws(WasmError) { try instance.call(call) } catch { failure = error }
        }
      }
    }
    if let failure { throw failure }
    return Double(time.components.attoseconds) / 1e9 / Double(callsPerRound)
      + Double(time.components.seconds) * 1e9 / Double(callsPerRound)
  }

  private static let text = """
    (module
      (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
      (import "ic0" "msg_reply" (func $reply))
      (import "scaled" "value_size" (func $size (result i32)))
      (import "scaled" "value_copy" (func $copy (param i32 i32 i32)))
      (import "scaled" "value_set" (func $set (param i32 i32)))
      (memory (export "memory") 1)
      (func (export "canister_update reply") (call $reply))
      (func (export "canister_query read")
        (call $copy (i32.const 0) (i32.const 0) (call $size))
        (call $append (i32.const 0) (call $size))
        (call $reply))
      (func (export "canister_update read-modify-write")
        (call $copy (i32.const 0) (i32.const 0) (call $size))
        (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
        (call $set (i32.const 0) (call $size))
        (call $reply)))
    """
}
