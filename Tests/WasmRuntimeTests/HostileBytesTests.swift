import ClusterTestKit
import HostileModules
import Testing
import WasmRuntime

@Suite struct HostileBytesTests {
  /// Little enough that thousands of modules that were changed by chance run through quickly.
  private static var limits: WasmLimits {
    var limits = WasmLimits()
    limits.fuel = 100_000
    limits.initFuel = 100_000
    limits.deadline = .milliseconds(20)
    limits.initDeadline = .milliseconds(20)
    limits.memoryBytes = 1 << 20
    return limits
  }

  /// Loads a module and calls all that it offers.
  /// - Returns: whether it could be loaded.
  private func run(_ bytes: [UInt8], _ engine: WasmEngine) -> Bool {
    do throws(WasmError) {
      let image = try ModuleImage(bytes, limits: engine.limits)
      let instance = try WasmInstance(engine.compile(bytes, image), id: [1])
      try instance.start()
      for method in image.methods.indices {
        for value in [nil, Array("old".utf8)] as [[UInt8]?] {
          let outcome = Wasmtime.call(instance, method, Array("DIDL\0\0".utf8), value: value)
          #expect(outcome.error == nil || outcome.value == value)
        }
      }
      return true
    } catch {
      #expect([.notWasm, .badModule, .trapped, .outOfFuel, .deadline].contains(error.code))
      #expect(!error.message.isEmpty)
      return false
    }
  }

  @Test("Bytes that are no sound module are refused", arguments: HostileBytes.all)
  func refused(_ hostile: HostileBytes) throws {
    let isTaken = run(hostile.bytes, try Wasmtime.engine(Self.limits))
    #expect(!(isTaken && hostile.isRefused))
  }

  private func good(_ engine: WasmEngine) throws -> [UInt8] {
    let hostile = try #require(
      HostileModule.methods.first { $0.name == "recursion through a table" })
    return try engine.assemble(hostile.text)
  }

  @Test("A module that was cut short is refused, wherever the cut is")
  func truncated() throws {
    let engine = try Wasmtime.engine(Self.limits)
    let whole = try good(engine)
    #expect(run(whole, engine))
    var taken: [Int] = []
    for count in 0..<whole.count where run(Array(whole[..<count]), engine) { taken.append(count) }
    // Between sections a cut leaves a module, until functions miss their code.
    #expect(taken.count <= 8, "\(taken)")
  }

  @Test("Modules that were changed by chance do no harm", arguments: 0..<8)
  func mutated(seed: Int) throws {
    let engine = try Wasmtime.engine(Self.limits)
    let whole = try good(engine)
    var generator = SplitMix64(seed: UInt64(seed))
    var taken = 0
    for _ in 0..<500 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let place = Int.random(in: 8..<bytes.count, using: &generator)
        let byte = UInt8.random(in: 0...255, using: &generator)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(byte, at: place)
        case 2: bytes[place] ^= 1 << (byte & 7)
        case 3: bytes.replaceSubrange(place..., with: bytes[min(Int(byte), place)...place])
        default: bytes[place] = byte
        }
        if bytes.count < 16 { bytes = whole }
      }
      if run(bytes, engine) { taken += 1 }
    }
    // Some have to live, or nothing would have been called.
    #expect(taken > 0)
  }
}
