/// Why a module or a call of it failed.
package struct WasmError: Error, Hashable, Sendable {
  package enum Code: Hashable, Sendable {
    /// Wasmtime's library is not there, or is not the version that is needed.
    case unavailable
    /// The bytes are no WebAssembly module.
    case notWasm
    /// The module cannot run here: it does not validate, needs what there is not, or is too large.
    case badModule
    /// The code trapped.
    case trapped
    case outOfFuel
    case deadline
    /// The code ended without a reply.
    case noReply
    case replyTooLarge
    /// The code refused the call (`msg_reject`).
    case rejected
  }

  package var code: Code
  /// What was wrong and, where the caller can, how to mend it.
  package var message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}
