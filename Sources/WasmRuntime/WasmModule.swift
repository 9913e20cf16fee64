import CWasmtime

/// A compiled module, whose imports and methods were checked. Used from any thread.
package final class WasmModule: @unchecked Sendable {
  // Unchecked because Wasmtime's modules never change and may be used by many threads.
  let handle: OpaquePointer
  package let engine: WasmEngine
  package let image: ModuleImage
  /// What runs once in each fresh instance, in this order, where the module exports it.
  let initialisers: [String]

  private static let initialiserNames = ["_initialize", "canister_init"]

  /// Takes the module over.
  /// - Throws: `WasmError` `.badModule` that lists what is not there.
  init(_ handle: OpaquePointer, _ image: ModuleImage, engine: WasmEngine) throws(WasmError) {
    self.handle = handle
    self.image = image
    self.engine = engine
    initialisers = WasmModule.initialiserNames.filter { image.exports.contains($0) }
    try checkImports()
    try checkExports()
  }

  deinit { engine.library.functions.pointee.wasmtime_module_delete(handle) }

  private func checkImports() throws(WasmError) {
    let functions = engine.library.functions.pointee
    var imports = wasm_importtype_vec()
    functions.wasmtime_module_imports(handle, &imports)
    defer { functions.wasm_importtype_vec_delete(&imports) }
    var refused: [String] = []
    for index in 0..<imports.size {
      guard let item = imports.data?[index] else { continue }
      let module = WasmLibrary.text(functions.wasm_importtype_module(item))
      let name = WasmLibrary.text(functions.wasm_importtype_name(item))
      let called = "\(module.prefix(40)).\(name.prefix(60))"
      let type = functions.wasm_importtype_type(item)
      guard functions.wasm_externtype_kind(type) == UInt8(WASM_EXTERN_FUNC),
        let function = functions.wasm_externtype_as_functype_const(type)
      else {
        refused.append("\(called), which is no function")
        continue
      }
      guard let known = HostFunction.named(module, name), image.stubsImports || !known.isStub
      else {
        if !image.stubsImports { refused.append(called) }
        continue
      }
      if kinds(functions.wasm_functype_params(function)) != known.parameters
        || kinds(functions.wasm_functype_results(function)) != known.results
      {
        refused.append("\(called) with another type: here it is \(known.typeText)")
      }
    }
    guard refused.isEmpty else {
      throw WasmError(
        .badModule,
        "the module imports what there is not here: \(refused.prefix(12).joined(separator: ", "))"
          + (refused.count > 12 ? " and \(refused.count - 12) more" : ""))
    }
  }

  private func kinds(_ types: UnsafePointer<wasm_valtype_vec>?) -> [UInt8] {
    guard let types = types?.pointee else { return [] }
    return (0..<types.size).map { index in
      types.data?[index].map { engine.library.functions.pointee.wasm_valtype_kind($0) } ?? .max
    }
  }

  /// What is called takes and gives nothing, and the memory is one: checked once, since calls are
  /// not.
  private func checkExports() throws(WasmError) {
    let functions = engine.library.functions.pointee
    var exports = wasm_exporttype_vec()
    functions.wasmtime_module_exports(handle, &exports)
    defer { functions.wasm_exporttype_vec_delete(&exports) }
    let called = Set(image.methods.map(\.export) + initialisers)
    for index in 0..<exports.size {
      guard let item = exports.data?[index] else { continue }
      let name = WasmLibrary.text(functions.wasm_exporttype_name(item))
      guard called.contains(name) else { continue }
      let type = functions.wasm_exporttype_type(item)
      guard functions.wasm_externtype_kind(type) == UInt8(WASM_EXTERN_FUNC),
        let function = functions.wasm_externtype_as_functype_const(type),
        kinds(functions.wasm_functype_params(function)).isEmpty,
        kinds(functions.wasm_functype_results(function)).isEmpty
      else {
        throw WasmError(
          .badModule, "the export \"\(name.prefix(100))\" is no function of type () -> ()")
      }
    }
  }
}
