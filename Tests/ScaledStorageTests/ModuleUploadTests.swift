import Cluster
import HTTPTransport
import Testing
import WireProtocol

@testable import ScaledStorage

struct ModuleUploads {
  /// A module of custom sections, of about `size` bytes.
  private func module(_ size: Int = 100) -> [UInt8] {
    var bytes: [UInt8] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
    while bytes.count < size {
      bytes +=
        [0, 100, 4] + Array("name".utf8) + [UInt8](repeating: UInt8(bytes.count & 255), count: 95)
    }
    return bytes
  }

  private func chunk(
    _ position: UInt8, _ bytes: some Sequence<UInt8>, offset: Int? = nil, sha256: [UInt8]? = nil
  ) -> WasmInitArgs {
    WasmInitArgs(
      position: position, chunk: Array(bytes), offset: offset.map(UInt64.init), sha256: sha256)
  }

  private func refusal(_ upload: inout ModuleUpload, _ args: WasmInitArgs) -> String? {
    do throws(Problem) {
      _ = try upload.take(args)
      return nil
    } catch {
      return error.code
    }
  }

  @Test func chunksInOrderMakeTheModule() throws {
    let bytes = module(500)
    var upload = ModuleUpload()
    #expect(try upload.take(chunk(0, bytes[..<100])) == nil)
    #expect(try upload.take(chunk(1, bytes[100..<300], offset: 100)) == nil)
    let last = chunk(2, bytes[300...], offset: 300, sha256: SHA256.digest(bytes))
    #expect(try upload.take(last)?.bytes == bytes)
  }

  @Test func theChunksOfAModuleUploadIt() throws {
    let bytes = module(ModuleUpload.maximumChunkBytes * 2 + 77)
    let module = Module(bytes)
    var upload = ModuleUpload()
    var result: Module?
    for chunk in module.chunks { result = try upload.take(chunk) }
    #expect(result?.digest == module.digest)
    var stored: [String: [UInt8]] = [:]
    for entry in module.storedEntries { stored[entry.name] = entry.value }
    let read = try Module.stored { name throws(ClusterError) in stored[name] }
    #expect(read?.bytes == bytes)
    stored["module/1"]?[5] ^= 1
    #expect(throws: ClusterError.self) {
      try Module.stored { name throws(ClusterError) in stored[name] }
    }
  }

  @Test func gapsAndDuplicatesAreRefusedAndTheUploadStands() throws {
    let bytes = module(500)
    var upload = ModuleUpload()
    #expect(refusal(&upload, chunk(1, bytes[100..<200])) == "chunk_gap")
    _ = try upload.take(chunk(0, bytes[..<100]))
    #expect(refusal(&upload, chunk(1, bytes[200..<300], offset: 200)) == "chunk_gap")
    _ = try upload.take(chunk(1, bytes[100..<200], offset: 100))
    #expect(refusal(&upload, chunk(1, bytes[100..<200], offset: 100)) == "chunk_duplicate")
    #expect(refusal(&upload, chunk(1, bytes[100..<200])) == "chunk_duplicate")
    #expect(try upload.take(chunk(2, bytes[200...], offset: 200))?.bytes == bytes)
  }

  @Test func whatIsNoModuleIsRefused() throws {
    var upload = ModuleUpload()
    #expect(refusal(&upload, chunk(0, Array("#!/bin/sh".utf8))) == "not_wasm")
    #expect(refusal(&upload, chunk(3, [])) == "bad_position")
    _ = try upload.take(chunk(0, module().prefix(4)))
    #expect(refusal(&upload, chunk(2, [])) == "not_wasm")
  }

  @Test func aWrongChecksumDropsTheUpload() throws {
    var upload = ModuleUpload()
    _ = try upload.take(chunk(0, module()))
    let wrong = [UInt8](repeating: 7, count: 32)
    #expect(refusal(&upload, chunk(2, [], sha256: wrong)) == "bad_checksum")
    #expect(refusal(&upload, chunk(2, [])) == "chunk_gap")
  }

  @Test func modulesAndChunksBeyondTheLimitsAreRefused() throws {
    var upload = ModuleUpload()
    let large = [UInt8](repeating: 0, count: ModuleUpload.maximumChunkBytes + 1)
    #expect(refusal(&upload, chunk(0, large)) == "chunk_too_large")
    _ = try upload.take(chunk(0, module()))
    var offset = module().count
    var code: String?
    while code == nil {
      code = refusal(&upload, chunk(1, large.dropLast(), offset: offset))
      offset += large.count - 1
    }
    #expect(code == "module_too_large")
    #expect(offset > ModuleUpload.maximumModuleBytes)
  }
}
