import HostileModules
import Testing
import WasmRuntime

@Suite struct HostileCalls {
  private static let old = Array("old".utf8)
  private static let empty = Array("DIDL\0\0".utf8)
  /// `("k")`.
  private static let arguments: [UInt8] = Array("DIDL\0\u{1}q\u{1}k".utf8)

  @Test(
    "A method that means harm fails alone and leaves no trace", arguments: HostileModule.methods)
  func contained(_ hostile: HostileModule) throws {
    let instance = try Wasmtime.instance(hostile.text)
    let methods = try ModuleImage(Wasmtime.engine().assemble(hostile.text)).methods.map(\.name)
    let harmful = try #require(methods.firstIndex(of: HostileModule.harmful))
    let good = try #require(methods.firstIndex(of: HostileModule.good))
    let peek = try #require(methods.firstIndex(of: HostileModule.peek))
    let limits = WasmLimits()
    for _ in 0..<hostile.calls {
      let outcome = Wasmtime.call(instance, harmful, Self.arguments, value: Self.old)
      if case .fails(let codes) = hostile.outcome {
        let code = outcome.error.map(Self.code)
        #expect(
          codes.contains(code ?? "none"), "\(code ?? "none") \(outcome.message) \(outcome.reply)")
        #expect(outcome.value == Self.old)
      }
      #expect(
        instance.fuelUsed <= limits.fuel + limits.initFuel || outcome.error == .deadline)
      // Time that was not used by instructions counts all the same.
      #expect(outcome.error != .deadline || instance.fuelUsed >= limits.fuel)
      #expect(outcome.message.utf8.count < 100_000)
      #expect(instance.printed.utf8.count <= 4 * limits.printedBytes)
      #expect(outcome.reply.count <= limits.replyBytes)
    }
    let after = Wasmtime.call(instance, good, Self.arguments, value: Self.old)
    #expect(
      after == Wasmtime.Outcome(reply: Self.empty, value: Array(HostileModule.changed.utf8)))
    let query = Wasmtime.call(instance, peek, Self.arguments, value: Self.old)
    #expect(query == Wasmtime.Outcome(reply: Self.empty, value: Self.old))
  }

  private static func code(_ code: WasmError.Code) -> String {
    switch code {
    case .unavailable: "wasm_unavailable"
    case .notWasm: "not_wasm"
    case .badModule: "bad_module"
    case .trapped: "module_trapped"
    case .outOfFuel: "module_out_of_fuel"
    case .deadline: "module_deadline"
    case .noReply: "module_no_reply"
    case .replyTooLarge: "module_reply_too_large"
    case .rejected: "module_rejected"
    }
  }
}
