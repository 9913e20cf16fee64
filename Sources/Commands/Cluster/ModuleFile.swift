import Candid
import ScaledStorage
import ScaledStorageService
import WasmRuntime
import WireProtocol

/// A module on disk, and its interface beside it.
struct ModuleFile {
  let module: Module
  /// The interface's source.
  let candid: String?

  private static let mostCandidBytes = 1 << 20
  /// The widest that settings allow: the gateway decides by its own.
  static let limits = {
    var limits = WasmLimits()
    limits.moduleBytes = ModuleOptions.mostModuleBytes
    limits.expandedModuleBytes = ModuleOptions.mostExpandedModuleBytes
    limits.functions = .max
    return limits
  }()

  /// - Throws: `CommandFailure` for files that cannot be read or hold something else.
  init(_ path: String, candid candidPath: String? = nil) throws(CommandFailure) {
    let bytes = try InputFile.read(path, limit: ModuleFile.limits.moduleBytes)
    module = Module(bytes)
    guard module.isCompressed || bytes.starts(with: Array("\0asm".utf8)) else {
      throw CommandFailure(
        "\(path) is no WebAssembly module: it begins neither with \\0asm nor as gzip does")
    }
    guard let candidPath else {
      candid = nil
      return
    }
    let source = try InputFile.read(candidPath, limit: ModuleFile.mostCandidBytes)
    do throws(CandidFailure) {
      // The nodes see this one file only, so it must do without imports.
      let interface = try CandidFailure.located(.text(name: candidPath, source)) {
        () throws(CandidError) in try CandidInterface(parsing: source)
      }
      guard interface.service != nil else {
        throw CandidFailure("\(candidPath) declares no service")
      }
    } catch {
      throw CommandFailure(error.report)
    }
    candid = String(decoding: source, as: UTF8.self)
  }

  /// The module as the cluster stores it.
  func embedded(stubsImports: Bool) throws(CommandFailure) -> Module {
    do throws(Problem) {
      return try module.embedding(
        candid: candid, stubsImports: stubsImports, limit: ModuleFile.limits.expandedModuleBytes)
    } catch {
      throw CommandFailure(error.detail)
    }
  }
}
