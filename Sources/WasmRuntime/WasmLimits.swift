/// Bounds on what a module may take. Each is enforced.
package struct WasmLimits: Hashable, Sendable {
  /// Fuel of one call: about one unit an instruction, some 2,500 million a second.
  package var fuel: UInt64 = 10_000_000
  /// Fuel of what runs before the first call: the start function and `canister_init`.
  package var initFuel: UInt64 = 100_000_000
  /// The longest time of one call, whatever its fuel; checked each ``WasmEngine/tick``.
  package var deadline: Duration = .milliseconds(100)
  package var initDeadline: Duration = .seconds(1)
  /// Bytes of linear memory; growing beyond it fails as WebAssembly says (`memory.grow` gives -1).
  package var memoryBytes = 64 << 20
  /// Elements of tables.
  package var tableElements = 10_000
  /// Bytes of stack; the thread that calls must have more.
  package var stackBytes = 256 << 10
  /// Bytes of the module, as it is sent and as it is once it is expanded.
  package var moduleBytes = 16 << 20
  package var expandedModuleBytes = 32 << 20
  /// Functions that a module may define.
  package var functions = 20_000
  /// How long the compilation of a module may take.
  package var compileTime: Duration = .seconds(30)
  /// Bytes of a reply, of a rejection's text, and of a value.
  package var replyBytes = 2 << 20
  package var rejectionBytes = 4 << 10
  package var valueBytes = 1 << 20
  /// Bytes that one call may print.
  package var printedBytes = 4 << 10

  package init() {}
}
