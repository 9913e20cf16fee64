import CWasmtime

/// Compiles modules. One engine serves a whole process, from any thread.
package final class WasmEngine: @unchecked Sendable {
  // Unchecked because Wasmtime's engines are made for many threads, and nothing else changes.
  let library: WasmLibrary
  let handle: OpaquePointer
  package let limits: WasmLimits
  private let ticker: EpochTicker

  /// How finely the time of calls is measured.
  package static let tick = Duration.milliseconds(10)
  /// About what instructions use in that time.
  static let fuelPerTick: UInt64 = 25_000_000

  /// - Parameter libraryPath: Wasmtime's library.
  /// - Throws: `WasmError` `.unavailable`.
  package init(libraryPath: String, limits: WasmLimits = WasmLimits()) throws(WasmError) {
    let library = try WasmLibrary.open(libraryPath)
    let functions = library.functions.pointee
    let config = functions.wasm_config_new()
    functions.wasmtime_config_consume_fuel_set(config, true)
    functions.wasmtime_config_epoch_interruption_set(config, true)
    functions.wasmtime_config_max_wasm_stack_set(config, limits.stackBytes)
    // A node's loop has the other core.
    functions.wasmtime_config_parallel_compilation_set(config, false)
    // The same code gives the same bytes on every node.
    functions.wasmtime_config_cranelift_nan_canonicalization_set(config, true)
    for refuse in [
      functions.wasmtime_config_wasm_relaxed_simd_set, functions.wasmtime_config_wasm_threads_set,
      functions.wasmtime_config_shared_memory_set, functions.wasmtime_config_wasm_gc_set,
      functions.wasmtime_config_wasm_function_references_set,
      functions.wasmtime_config_wasm_memory64_set, functions.wasmtime_config_wasm_multi_memory_set,
      functions.wasmtime_config_wasm_exceptions_set,
      functions.wasmtime_config_wasm_stack_switching_set,
      functions.wasmtime_config_wasm_custom_page_sizes_set,
      functions.wasmtime_config_wasm_wide_arithmetic_set,
      functions.wasmtime_config_wasm_component_model_set,
    ] {
      refuse?(config, false)
    }
    guard let handle = functions.wasm_engine_new_with_config(config) else {
      throw WasmError(.unavailable, "Wasmtime does not run on this machine")
    }
    self.library = library
    self.handle = handle
    self.limits = limits
    ticker = try EpochTicker(library: library, engine: handle)
  }

  deinit {
    ticker.stop()
    // Wasmtime keeps what its modules and instances need of the engine.
    library.functions.pointee.wasm_engine_delete(handle)
  }

  /// Compiles a module, which takes milliseconds to seconds: not for an event loop.
  ///
  /// - Parameter image: what was read of `bytes`.
  /// - Throws: `WasmError` `.badModule` when it does not validate, or needs what there is not.
  package func compile(_ bytes: [UInt8], _ image: ModuleImage) throws(WasmError) -> WasmModule {
    var module: OpaquePointer?
    let error = bytes.withUnsafeBufferPointer { bytes in
      library.functions.pointee.wasmtime_module_new(handle, bytes.baseAddress, bytes.count, &module)
    }
    if let error {
      throw WasmError(.badModule, "the module does not compile: \(library.text(of: error))")
    }
    guard let module else { throw WasmError(.badModule, "the module does not compile") }
    return try WasmModule(module, image, engine: self)
  }

  /// The binary form of a module in WebAssembly's text format.
  /// - Throws: `WasmError` `.notWasm` with the place of the error.
  package func assemble(_ text: String) throws(WasmError) -> [UInt8] {
    var text = text
    var binary = wasm_byte_vec()
    let error = text.withUTF8 { text in
      text.withMemoryRebound(to: CChar.self) { text in
        library.functions.pointee.wasmtime_wat2wasm(text.baseAddress, text.count, &binary)
      }
    }
    if let error { throw WasmError(.notWasm, library.text(of: error)) }
    defer { library.functions.pointee.wasm_byte_vec_delete(&binary) }
    return Array(UnsafeBufferPointer(start: binary.data, count: binary.size))
  }
}
