import CWasmtime

/// A function that modules may import: those of the Internet Computer's system interface
/// (internetcomputer.org, "The IC Interface Specification", section "System API") that mean
/// something here, and ours for the value under the key.
struct HostFunction {
  typealias Values = UnsafeMutablePointer<wasmtime_val_raw>

  let module: String
  let name: String
  let parameters: [UInt8]
  let results: [UInt8]
  let callback: wasmtime_callback
  /// Whether only modules get it that want their imports stubbed.
  var isStub = false

  static let i32 = UInt8(WASM_I32)
  static let i64 = UInt8(WASM_I64)

  var typeText: String {
    func list(_ kinds: [UInt8]) -> String {
      "(" + kinds.map { $0 == HostFunction.i32 ? "i32" : "i64" }.joined(separator: ", ") + ")"
    }
    return "\(list(parameters)) -> \(list(results))"
  }

  static func named(_ module: String, _ name: String) -> HostFunction? {
    byName["\(module).\(name)"]
  }

  private static let byName = Dictionary(
    all.map { ("\($0.module).\($0.name)", $0) }, uniquingKeysWith: { first, _ in first })

  static let all = messages + surroundings + values + stubs

  static func ic0(
    _ name: String, _ parameters: [UInt8] = [], _ results: [UInt8] = [],
    _ callback: @escaping wasmtime_callback
  ) -> HostFunction {
    HostFunction(
      module: "ic0", name: name, parameters: parameters, results: results, callback: callback)
  }

  /// Calls `body` as a guest's call of the host. The environment is the instance's `HostState`,
  /// which outlives every call.
  @inline(__always)
  static func run(
    _ environment: UnsafeMutableRawPointer?, _ caller: OpaquePointer?, _ values: Values?,
    _ body: (HostCall, Values) -> OpaquePointer?
  ) -> OpaquePointer? {
    guard let environment, let values else { return nil }
    return Unmanaged<HostState>.fromOpaque(environment)._withUnsafeGuaranteedRef { host in
      let context = host.library.functions.pointee.wasmtime_caller_context(caller)
      let call = HostCall(host: host, context: context)
      if let trap = call.charge() { return trap }
      return body(call, values)
    }
  }
}
