import HTTPTransport
import HostileModules
import Testing
import WasmRuntime
import WireProtocol

@testable import ScaledStorage

@Suite struct HostileLoads {
  private func assembled(_ hostile: HostileModule) throws -> Module {
    let path = try #require(
      LibraryPath.found, "Wasmtime is missing; run deploy/wasmtime, as deploy/check does")
    return Module(try WasmEngine(libraryPath: path).assemble(hostile.text))
  }

  /// The code of a refusal, nil for a module that was taken.
  private func refusal(_ module: Module) throws -> String? {
    let loader = ModuleLoader(loop: try EventLoop())
    do throws(Problem) {
      _ = try loader.loadNow(module)
      return nil
    } catch {
      #expect((400..<500).contains(error.status))
      #expect(error.detail.utf8.count < 10_000)
      return error.code
    }
  }

  @Test(
    "A module that means harm is refused, or loaded without harm", arguments: HostileModule.loads)
  func loads(_ hostile: HostileModule) throws {
    let code = try refusal(try assembled(hostile))
    switch hostile.outcome {
    case .refused(let codes): #expect(codes.contains(code ?? "none"), "\(code ?? "taken")")
    case .fails: #expect(code == nil, "\(code ?? "")")
    case .contained: #expect([nil, "bad_module", "not_wasm"].contains(code))
    }
  }

  @Test("Bytes that are no sound module are refused", arguments: HostileBytes.all)
  func bytes(_ hostile: HostileBytes) throws {
    let code = try refusal(Module(hostile.bytes))
    if hostile.isRefused { #expect(code == "not_wasm" || code == "bad_module") }
  }

  // MARK: - Compressed modules

  /// A gzip file (RFC 1952) around what the zlib format (RFC 1950) holds.
  private func gzip(_ bytes: [UInt8], checksum: UInt32? = nil) throws -> [UInt8] {
    let deflated = try #require(Deflate.compressed(bytes)).dropFirst(2).dropLast(4)
    func little(_ number: UInt32) -> [UInt8] {
      (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    return [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3] + deflated
      + little(checksum ?? crc(bytes)) + little(UInt32(truncatingIfNeeded: bytes.count))
  }

  private func crc(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0 as UInt32) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { rest, _ in rest >> 1 ^ (rest & 1) * 0xEDB8_8320 }
    }
  }

  private func good() throws -> Module {
    try assembled(try #require(HostileModule.methods.first))
  }

  @Test("A compressed module is taken, a damaged one is not")
  func compressed() throws {
    let module = try good()
    let bytes = try gzip(module.bytes)
    #expect(try refusal(Module(bytes)) == nil)
    #expect(try refusal(Module(gzip(module.bytes, checksum: 7))) == "not_wasm")
    #expect(try refusal(Module(bytes + [0])) == "not_wasm")
    for count in stride(from: 3, to: bytes.count, by: 7) {
      #expect(try refusal(Module(Array(bytes[..<count]))) == "not_wasm")
    }
    let twice = try gzip(bytes + [UInt8](repeating: 0, count: 1_000))
    #expect(try refusal(Module(twice)) == "not_wasm")
  }

  @Test("What expands to too much is refused before it has", arguments: [33, 60])
  func bomb(megabytes: Int) throws {
    let zeros = ModuleImage.preamble + [UInt8](repeating: 0, count: megabytes << 20)
    let bytes = try gzip(zeros, checksum: 0)
    #expect(bytes.count < 1 << 20)
    #expect(try refusal(Module(bytes)) == "module_too_large")
  }
}
