import Glibc
package import HTTPTransport
package import WasmRuntime
package import WireProtocol

/// A module that is compiled and known to start.
package struct LoadedModule: Sendable {
  package let module: Module
  package let interface: ModuleInterface
  let compiled: WasmModule
}

/// Makes modules ready to run: expands, checks and compiles them, away from the event loop.
package final class ModuleLoader {
  package typealias Completion = (Result<LoadedModule, Problem>) -> Void

  package let limits: WasmLimits
  private let loop: EventLoop
  private let libraryPath: String?
  private var engine: WasmEngine?
  private var isCompiling = false

  /// - Parameter libraryPath: Wasmtime's library; nil looks for it at the usual places.
  package init(
    loop: EventLoop, limits: WasmLimits = WasmLimits(), libraryPath: String? = nil
  ) {
    self.loop = loop
    self.limits = limits
    self.libraryPath = libraryPath
  }

  /// The way in for a module of at most as many bytes as the limits say.
  package var newUpload: ModuleUpload { ModuleUpload(limit: limits.moduleBytes) }

  /// Makes a module ready. `completion` is called once, on the loop, after
  /// ``WasmLimits/compileTime`` at the latest.
  package func load(_ module: Module, _ completion: @escaping Completion) {
    let engine: WasmEngine
    do throws(Problem) {
      guard !isCompiling else {
        throw Problem(503, "module_compiling", "another module is being compiled; try again soon")
      }
      engine = try openedEngine()
    } catch {
      return completion(.failure(error))
    }
    isCompiling = true
    let answer = CompileAnswer(completion)
    let timer = loop.schedule(after: limits.compileTime) { [limits] in
      answer.give(
        .failure(
          Problem(
            422, "bad_module",
            "the module takes longer than \(limits.compileTime) to compile; make it smaller")))
    }
    let target = LoopBound(
      { [weak self, loop] (result: Result<LoadedModule, Problem>) in
        self?.isCompiling = false
        loop.cancel(timer)
        answer.give(result)
      }, loop: loop)
    let mailbox = loop.mailbox
    let hasStarted = DetachedThread.start {
      let result = Result { () throws(Problem) in try ModuleLoader.make(module, engine) }
      mailbox.post { target.value(result) }
    }
    if !hasStarted {
      target.value(.failure(Problem(503, "overloaded", "the system gives no thread to compile on")))
    }
  }

  /// Makes a module ready at once, for a program that starts.
  /// - Throws: `Problem` that tells what is wrong with it.
  package func loadNow(_ module: Module) throws(Problem) -> LoadedModule {
    try ModuleLoader.make(module, openedEngine())
  }

  /// Opens Wasmtime now rather than with the first module.
  /// - Throws: `Problem` 501 when it is not installed, or cannot be used.
  package func requireEngine() throws(Problem) { _ = try openedEngine() }

  /// - Throws: `Problem` 501 when Wasmtime is not installed.
  private func openedEngine() throws(Problem) -> WasmEngine {
    if let engine { return engine }
    guard let path = libraryPath ?? LibraryPath.found else {
      throw Problem(
        501, "wasm_unavailable",
        "modules need Wasmtime's library, which is not installed here; run deploy/wasmtime, or "
          + "name its place by --wasmtime (looked for: "
          + "\(LibraryPath.places.joined(separator: ", ")))")
    }
    do throws(WasmError) {
      let opened = try WasmEngine(libraryPath: path, limits: limits)
      engine = opened
      return opened
    } catch {
      throw Problem(501, "wasm_unavailable", "\(error.message); run deploy/wasmtime")
    }
  }

  /// On any thread.
  private static func make(_ module: Module, _ engine: WasmEngine) throws(Problem) -> LoadedModule {
    let bytes = try module.expanded(limit: engine.limits.expandedModuleBytes)
    let image = try loading { () throws(WasmError) in
      try ModuleImage(bytes, limits: engine.limits)
    }
    // What is cheap to find out comes first.
    let interface = try ModuleInterface(image)
    let compiled = try loading { () throws(WasmError) in
      let compiled = try engine.compile(bytes, image)
      // What does not start here would not start where it is to serve.
      try WasmInstance(compiled, id: []).start()
      return compiled
    }
    return LoadedModule(module: module, interface: interface, compiled: compiled)
  }

  private static func loading<Made>(
    _ body: () throws(WasmError) -> Made
  ) throws(Problem) -> Made {
    do throws(WasmError) {
      return try body()
    } catch {
      throw Problem(error, isLoading: true)
    }
  }
}

/// A completion that is called once, by whoever comes first.
private final class CompileAnswer {
  private var completion: ModuleLoader.Completion?

  init(_ completion: @escaping ModuleLoader.Completion) {
    self.completion = completion
  }

  func give(_ result: Result<LoadedModule, Problem>) {
    let completion = completion
    self.completion = nil
    completion?(result)
  }
}

extension Problem {
  /// - Parameter isLoading: the module was being loaded, not called.
  package init(_ error: WasmError, isLoading: Bool = false) {
    let (status, code) =
      switch error.code {
      case .unavailable: (501, "wasm_unavailable")
      case .notWasm: (400, "not_wasm")
      case _ where isLoading: (422, "bad_module")
      case .badModule: (422, "bad_module")
      case .trapped: (500, "module_trapped")
      case .outOfFuel: (500, "module_out_of_fuel")
      case .deadline: (500, "module_deadline")
      case .noReply: (500, "module_no_reply")
      case .replyTooLarge: (500, "module_reply_too_large")
      case .rejected: (422, "module_rejected")
      }
    self.init(status, code, error.message)
  }
}
