import Candid
import WasmRuntime

extension Module {
  /// As ``embedding(candid:stubsImports:limit:)``, within what `loader` takes.
  package func embedding(
    candid: String?, stubsImports: Bool, for loader: ModuleLoader
  ) throws(Problem) -> Module {
    try embedding(
      candid: candid, stubsImports: stubsImports, limit: loader.limits.expandedModuleBytes)
  }
}

extension ModuleInterface {
  /// Reads the interface of a module that was accepted before, whatever the limits are now.
  /// - Throws: `Problem` for a module that cannot be read, or whose methods cannot be called.
  package init(reading module: Module) throws(Problem) {
    var limits = WasmLimits()
    limits.expandedModuleBytes = 1 << 30
    limits.functions = .max
    let bytes = try module.expanded(limit: limits.expandedModuleBytes)
    let image: ModuleImage
    do throws(WasmError) {
      image = try ModuleImage(bytes, limits: limits)
    } catch {
      throw Problem(error, isLoading: true)
    }
    try self.init(image)
  }

  /// What callers of the module before would miss, a sentence each; none when this one can take its
  /// place. Where one of the two does not tell its types, only names are compared.
  package func upgradeProblems(from old: ModuleInterface) -> [String] {
    var problems = old.methods.filter { method(named: $0.name) == nil }.map {
      "the method \"\($0.name)\" is gone"
    }
    problems += old.methods.filter { $0.isQuery && method(named: $0.name)?.isQuery == false }.map {
      "the query \"\($0.name)\" has become an update"
    }
    guard problems.isEmpty, let before = old.candid else { return problems }
    guard let candid else { return ["the module no longer tells its types; send its .did file"] }
    do throws(CandidError) {
      return try candid.upgradeProblems(from: before)
    } catch {
      return ["the two interfaces cannot be compared: \(error.description)"]
    }
  }

  /// The problem that stands against replacing `old`, if there is one.
  package func checkUpgrade(from old: ModuleInterface) throws(Problem) {
    let problems = upgradeProblems(from: old)
    guard !problems.isEmpty else { return }
    let told = problems.prefix(10).joined(separator: "; ")
    let more = problems.count > 10 ? "; and \(problems.count - 10) more" : ""
    throw Problem(
      409, "interface_changed",
      "callers of the present module would break: \(told)\(more). Upload it with force (--force) "
        + "if they may")
  }
}
