import Candid
import WasmRuntime
package import WireProtocol

extension Module {
  /// As ``embedding(candid:stubsImports:limit:)``, within what `loader` takes, and nodes after it.
  /// - Throws: also `Problem` 413 when it has become larger than they take.
  package func embedding(
    candid: String?, stubsImports: Bool, for loader: ModuleLoader
  ) throws(Problem) -> Module {
    let embedded = try embedding(
      candid: candid, stubsImports: stubsImports, limit: loader.limits.expandedModuleBytes)
    guard embedded.bytes.count <= loader.limits.moduleBytes else {
      throw Problem(
        413, "module_too_large",
        "with what came beside it the module has \(embedded.bytes.count) bytes; at most "
          + "\(loader.limits.moduleBytes) are taken. Make it smaller, or raise module-bytes of "
          + "--module-limits")
    }
    return embedded
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
    for before in old.methods {
      guard let after = method(named: before.name) else { continue }
      if before.isQuery, !after.isQuery {
        problems.append("the query \"\(before.name)\" has become an update")
      }
      // Who takes it for a query may send it again, also to a node that still has the update.
      if !before.isQuery, after.isQuery {
        problems.append("the update \"\(before.name)\" has become a query")
      }
      if !before.key.isSame(as: after.key) {
        problems.append(
          "the key of \"\(before.name)\" was \(before.key.words) and is \(after.key.words)")
      }
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

extension ModuleInterface.Method {
  /// The method as one that may change the value, and so is not to be sent twice.
  package var asUpdate: ModuleInterface.Method {
    ModuleInterface.Method(
      name: name, kind: .update, index: index, key: key, parameters: parameters, results: results)
  }
}

extension ModuleInterface.Method.Key {
  /// Whether arguments that fit both interfaces have the same key.
  fileprivate func isSame(as other: Self) -> Bool {
    switch (self, other) {
    // A first argument that is known to be no key is none without types either.
    case (.firstIfAny, .none), (.none, .firstIfAny): true
    case (.firstIfAny, .argument(0)), (.argument(0), .firstIfAny): true
    default: self == other
    }
  }

  fileprivate var words: String {
    switch self {
    case .none: "none"
    case .argument(let index): "its argument \(index + 1)"
    case .firstIfAny: "its argument 1"
    }
  }
}
