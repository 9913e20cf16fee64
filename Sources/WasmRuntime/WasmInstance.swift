import CWasmtime

/// A module at work on one thread: its memory, and the calls of its methods.
///
/// The memory lasts from call to call as a cache does: after a trap, and after anything else that
/// may leave it half changed, the next call starts with a fresh one.
package final class WasmInstance {
  /// What a call is given.
  package struct Call {
    /// The method's place in ``ModuleImage/methods``.
    package var method: Int
    /// Candid, binary.
    package var arguments: UnsafeRawBufferPointer
    package var caller: UnsafeRawBufferPointer
    /// Whether there is a key, and the value under it.
    package var hasKey: Bool
    package var value: UnsafeRawBufferPointer?
    /// What the node has left of its fuel, for the module to see.
    package var balance: UInt64

    package init(
      method: Int, arguments: UnsafeRawBufferPointer, caller: UnsafeRawBufferPointer,
      hasKey: Bool, value: UnsafeRawBufferPointer?, balance: UInt64
    ) {
      self.method = method
      self.arguments = arguments
      self.caller = caller
      self.hasKey = hasKey
      self.value = value
      self.balance = balance
    }
  }

  /// What becomes of the value.
  package enum Change {
    case keep
    /// The bytes are valid until the next call.
    case set(UnsafeRawBufferPointer)
    case delete
  }

  private let module: WasmModule
  private let library: WasmLibrary
  private let limits: WasmLimits
  private let host: HostState
  private let linker: OpaquePointer
  private var prepared: OpaquePointer?
  private let callTicks: UInt64
  /// What the present call may take.
  private var ticks: UInt64 = 0
  private let initTicks: UInt64
  private let names: [[UInt8]]

  // One store at a time: what belongs to a store must not be used with another.
  private var store: OpaquePointer?
  @exclusivity(unchecked) private var context: OpaquePointer?
  @exclusivity(unchecked) private var functions: [wasmtime_func] = []
  /// Whether there is a memory, made by the module's start.
  @exclusivity(unchecked) package private(set) var isStarted = false

  /// Fuel that the last call, or the last start, used.
  @exclusivity(unchecked) package private(set) var fuelUsed: UInt64 = 0

  /// What Candid writes for no arguments.
  private static let noArguments: StaticString = "DIDL\0\0"

  /// What the module sees as its own id.
  package var id: [UInt8] {
    get { host.canisterID }
    set { host.canisterID = newValue }
  }

  /// - Parameter id: what the module sees as its own.
  /// - Throws: `WasmError` `.badModule` when its imports cannot be linked.
  package init(_ module: WasmModule, id: [UInt8]) throws(WasmError) {
    self.module = module
    library = module.engine.library
    limits = module.engine.limits
    host = HostState(library: library, limits: limits)
    host.canisterID = id
    callTicks = WasmInstance.ticks(limits.deadline)
    initTicks = WasmInstance.ticks(limits.initDeadline)
    names = module.image.methods.map { Array($0.name.utf8) }
    guard let linker = library.functions.pointee.wasmtime_linker_new(module.engine.handle) else {
      throw WasmError(.unavailable, "there is no memory for a module's imports")
    }
    self.linker = linker
    try link()
  }

  deinit {
    discard()
    if let prepared { library.functions.pointee.wasmtime_instance_pre_delete(prepared) }
    library.functions.pointee.wasmtime_linker_delete(linker)
  }

  private static func ticks(_ time: Duration) -> UInt64 {
    // The present tick is partly over.
    UInt64(max(1, time / WasmEngine.tick)) + 1
  }

  private func link() throws(WasmError) {
    let functions = library.functions.pointee
    let environment = Unmanaged.passUnretained(host).toOpaque()
    for function in HostFunction.all where imports(function) {
      var parameters = valueTypes(function.parameters)
      var results = valueTypes(function.results)
      let type = functions.wasm_functype_new(&parameters, &results)
      defer { functions.wasm_functype_delete(type) }
      let error = functions.wasmtime_linker_define_func_unchecked(
        linker, function.module, function.module.utf8.count, function.name,
        function.name.utf8.count, type, function.callback, environment, nil)
      if let error { throw WasmError(.badModule, library.text(of: error)) }
    }
    if module.image.stubsImports,
      let error = functions.wasmtime_linker_define_unknown_imports_as_traps(linker, module.handle)
    {
      throw WasmError(.badModule, library.text(of: error))
    }
    if let error = functions.wasmtime_linker_instantiate_pre(linker, module.handle, &prepared) {
      throw WasmError(.badModule, library.text(of: error))
    }
  }

  private func imports(_ function: HostFunction) -> Bool {
    module.image.imports.contains { $0.module == function.module && $0.name == function.name }
  }

  private func valueTypes(_ kinds: [UInt8]) -> wasm_valtype_vec {
    var types: [OpaquePointer?] = kinds.map { library.functions.pointee.wasm_valtype_new($0) }
    var vector = wasm_valtype_vec()
    library.functions.pointee.wasm_valtype_vec_new(&vector, types.count, &types)
    return vector
  }

  // MARK: - Calls

  /// Runs a method. Its reply and its change of the value are there until the next call.
  ///
  /// - Throws: `WasmError`; the value stays as it was then.
  package func call(_ call: Call) throws(WasmError) {
    if !isStarted { try start() }
    fuelUsed = 0
    host.begin()
    host.arguments = call.arguments
    host.caller = call.caller
    host.hasKey = call.hasKey
    host.value = call.value
    host.balance = call.balance
    host.isQuery = module.image.methods[call.method].kind == .query
    host.fuel = limits.fuel
    let before =
      host.isQuery && module.image.stubsImports
      ? MemorySnapshot(HostCall(host: host, context: context)) : nil
    _ = library.functions.pointee.wasmtime_context_set_fuel(context, limits.fuel)
    library.functions.pointee.wasmtime_context_set_epoch_deadline(context, callTicks)
    ticks = callTicks
    try run(functions[call.method], name: names[call.method])
    before?.restore()
    switch host.ending {
    case .replied: return
    case .rejected: throw WasmError(.rejected, host.rejection)
    case .none: throw WasmError(.noReply, "the method ended without a reply")
    }
  }

  /// The reply of the last call.
  package var reply: UnsafeRawBufferPointer { host.reply.bytes }

  /// What the last call makes of the value; only after it returned.
  package var change: Change {
    switch host.change {
    case .keep: .keep
    case .set: .set(host.newValue.bytes)
    case .delete: .delete
    }
  }

  /// What the last call printed.
  package var printed: String { host.printed }

  /// Makes sure that the module starts: its start function and its initialisers run.
  /// - Throws: `WasmError` that tells why it does not.
  package func start() throws(WasmError) {
    guard !isStarted else { return }
    fuelUsed = 0
    do throws(WasmError) {
      try instantiate()
    } catch {
      discard()
      throw WasmError(error.code, "the module does not start: \(error.message)")
    }
    isStarted = true
  }

  private func instantiate() throws(WasmError) {
    let api = library.functions
    let store = api.pointee.wasmtime_store_new(module.engine.handle, nil, nil)
    self.store = store
    api.pointee.wasmtime_store_limiter(
      store, Int64(limits.memoryBytes), Int64(limits.tableElements), 1, 4, 1)
    let context = api.pointee.wasmtime_store_context(store)
    host.begin()
    host.memory = nil
    host.arguments = UnsafeRawBufferPointer(start: nil, count: 0)
    host.hasKey = false
    host.isQuery = false
    host.fuel = limits.initFuel
    _ = api.pointee.wasmtime_context_set_fuel(context, limits.initFuel)
    api.pointee.wasmtime_context_set_epoch_deadline(context, initTicks)
    ticks = initTicks
    var instance = wasmtime_instance()
    var trap: OpaquePointer?
    let error = api.pointee.wasmtime_instance_pre_instantiate(prepared, context, &instance, &trap)
    self.context = context
    fuelUsed &+= limits.initFuel - min(limits.initFuel, remainingFuel)
    if let failure = failure(trap, error, else: .badModule) { throw failure }
    if let name = module.image.memoryExport, let memory = export(name, of: &instance, context),
      memory.kind == UInt8(WASM_EXTERN_MEMORY)
    {
      host.memory = memory.of.memory
    }
    functions = try module.image.methods.map { (method) throws(WasmError) in
      try function(method.export, of: &instance, context)
    }
    for name in module.initialisers {
      let initialiser = try function(name, of: &instance, context)
      host.begin()
      host.arguments = UnsafeRawBufferPointer(
        start: WasmInstance.noArguments.utf8Start,
        count: WasmInstance.noArguments.utf8CodeUnitCount)
      try run(initialiser, name: Array(name.utf8))
    }
  }

  private func export(
    _ name: String, of instance: inout wasmtime_instance, _ context: OpaquePointer?
  ) -> wasmtime_extern? {
    var item = wasmtime_extern()
    return library.functions.pointee.wasmtime_instance_export_get(
      context, &instance, name, name.utf8.count, &item) ? item : nil
  }

  private func function(
    _ name: String, of instance: inout wasmtime_instance, _ context: OpaquePointer?
  ) throws(WasmError) -> wasmtime_func {
    guard let item = export(name, of: &instance, context), item.kind == UInt8(WASM_EXTERN_FUNC)
    else { throw WasmError(.badModule, "the function \"\(name)\" is not there") }
    return item.of.func
  }

  /// Runs a function of type () -> () with the fuel and the time that are left.
  private func run(_ function: wasmtime_func, name: [UInt8]) throws(WasmError) {
    let api = library.functions
    let given = remainingFuel
    var function = function
    var trap: OpaquePointer?
    let error = name.withUnsafeBytes { name in
      host.method = name
      return api.pointee.wasmtime_func_call_unchecked(context, &function, nil, 0, &trap)
    }
    fuelUsed &+= given - min(given, remainingFuel)
    host.forgetCall()
    guard let failure = failure(trap, error, else: .trapped) else { return }
    discard()
    // What was interrupted took its time, whatever fuel it had used: that counts.
    if failure.code == .deadline { fuelUsed = max(fuelUsed, ticks * WasmEngine.fuelPerTick) }
    throw failure
  }

  /// Why a call ended before its end; nil when it did not. What the host has said comes first: it
  /// would come back with a backtrace around it.
  private func failure(
    _ trap: OpaquePointer?, _ error: OpaquePointer?, else code: WasmError.Code
  ) -> WasmError? {
    let known =
      if let trap { library.failure(of: trap) } else if let error {
        WasmError(code, library.text(of: error))
      } else { nil as WasmError? }
    return known.map { host.failure ?? $0 }
  }

  private var remainingFuel: UInt64 {
    var left: UInt64 = 0
    _ = library.functions.pointee.wasmtime_context_get_fuel(context, &left)
    return left
  }

  /// Drops the memory, and with it what a call may have left half done.
  private func discard() {
    if let store { library.functions.pointee.wasmtime_store_delete(store) }
    store = nil
    context = nil
    isStarted = false
    functions = []
    host.memory = nil
  }
}
