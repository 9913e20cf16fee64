import Testing
import WasmRuntime

/// The engine of the tests.
enum Wasmtime {
  /// - Throws: when the library is not installed: `deploy/wasmtime` does that.
  static func engine(_ limits: WasmLimits = WasmLimits()) throws -> WasmEngine {
    let path = try #require(
      LibraryPath.found, "Wasmtime is missing; run deploy/wasmtime, as deploy/check does")
    return try WasmEngine(libraryPath: path, limits: limits)
  }

  static func module(_ text: String, _ limits: WasmLimits = WasmLimits()) throws -> WasmModule {
    let engine = try engine(limits)
    let bytes = try engine.assemble(text)
    return try engine.compile(bytes, ModuleImage(bytes, limits: limits))
  }

  static func instance(_ text: String, _ limits: WasmLimits = WasmLimits()) throws -> WasmInstance {
    try WasmInstance(module(text, limits), id: [1, 2, 3])
  }

  /// What became of one call.
  struct Outcome: Equatable {
    var reply: [UInt8] = []
    /// The value after the call; nil when there is none.
    var value: [UInt8]?
    var error: WasmError.Code?
    var message = ""
  }

  /// Calls a method with the value that stands under the key.
  static func call(
    _ instance: WasmInstance, _ method: Int = 0, _ arguments: [UInt8] = [],
    value: [UInt8]? = nil, hasKey: Bool = true
  ) -> Outcome {
    arguments.withUnsafeBytes { arguments in
      (value ?? []).withUnsafeBytes { bytes in
        let call = WasmInstance.Call(
          method: method, arguments: arguments,
          caller: UnsafeRawBufferPointer(start: nil, count: 0), hasKey: hasKey,
          value: value == nil ? nil : bytes, balance: 7)
        do throws(WasmError) {
          try instance.call(call)
        } catch {
          return Outcome(value: value, error: error.code, message: error.message)
        }
        var outcome = Outcome(reply: Array(instance.reply), value: value)
        switch instance.change {
        case .keep: break
        case .set(let bytes): outcome.value = Array(bytes)
        case .delete: outcome.value = nil
        }
        return outcome
      }
    }
  }
}
