package import Candid
package import WasmRuntime
package import WireProtocol

/// What callers can ask of a module: its methods, and their types where the module tells them.
package struct ModuleInterface: Sendable {
  /// A method, and where its key is.
  package struct Method: Sendable {
    /// The argument that is the key.
    enum Key: Hashable, Sendable {
      /// There is none: the method has no value and runs wherever it is asked.
      case none
      case argument(Int)
      /// No types are known: the first argument, if it is text or a blob.
      case firstIfAny
    }

    package let name: String
    package let kind: ModuleImage.Method.Kind
    /// The method's place in the module.
    let index: Int
    let key: Key
    /// The types of its arguments and results; nil where the module does not tell.
    let parameters: CandidSignature?
    let results: CandidSignature?

    /// Whether it is known to have no parameters.
    var takesNothing: Bool { parameters?.types.isEmpty ?? false }
    package var isQuery: Bool { kind == .query }
    /// Whether the method never has a key.
    package var isKeyless: Bool { key == .none }
    /// The argument that is the key, counted from 0; nil where there is none, or it depends.
    package var keyArgument: Int? {
      if case .argument(let index) = key { index } else { nil }
    }
  }

  /// In the order of names.
  package let methods: [Method]
  /// The interface in Candid, as text and as types.
  package let candidText: String?
  package let candid: CandidInterface?
  private let byName: [String: Int]

  /// Paths that are the cluster's own.
  package static let reservedNames: Set<String> = [
    "node_info", "handle_event", "init_wasm", "init_canister_manager", "retire_node", "nodes",
    "ring", "cluster_map", "scale", "kv", "metrics", "module_info", "module_rollback",
    "service.did", "openapi.json", "status", "locate", "rolling_restart", "restart_node",
    "backup_begin", "backup_read", "backup_end", "backup_sum", "restore_records",
  ]
  /// Which parameter's name marks it as the key.
  private static let keyName = "key"

  /// - Throws: `Problem` 422 for an interface that cannot be read or does not fit the module, and
  ///   for methods whose names are the cluster's own.
  package init(_ image: ModuleImage) throws(Problem) {
    candidText = image.candid
    candid = try ModuleInterface.interface(image)
    var methods: [Method] = []
    for (index, method) in image.methods.enumerated() {
      guard !ModuleInterface.reservedNames.contains(method.name) else {
        throw ModuleInterface.bad("\"\(method.name)\" is a method of the cluster; rename it")
      }
      methods.append(try ModuleInterface.method(method, index, candid))
    }
    self.methods = methods.sorted { $0.name < $1.name }
    byName = Dictionary(
      self.methods.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  package func method(named name: String) -> Method? { byName[name].map { methods[$0] } }

  private static func interface(_ image: ModuleImage) throws(Problem) -> CandidInterface? {
    guard let text = image.candid else { return nil }
    do throws(CandidError) {
      return try CandidInterface(parsing: text)
    } catch {
      throw bad("its Candid interface cannot be read: \(error.description)")
    }
  }

  private static func method(
    _ method: ModuleImage.Method, _ index: Int, _ candid: CandidInterface?
  ) throws(Problem) -> Method {
    guard let candid, let function = candid.method(method.name) else {
      let key = method.keyArgument.map { Method.Key.argument($0) } ?? .firstIfAny
      return Method(
        name: method.name, kind: method.kind, index: index, key: key, parameters: nil,
        results: nil)
    }
    let wanted = method.keyArgument ?? function.parameterNames.firstIndex { $0 == keyName }
    let argument = wanted ?? 0
    let isKey =
      argument < function.parameters.count && isKeyType(function.parameters[argument], candid)
    guard isKey || wanted == nil else {
      throw bad(
        "the key of \"\(method.name)\" is to be its argument \(argument + 1), "
          + "which is no text and no blob")
    }
    do throws(CandidError) {
      return Method(
        name: method.name, kind: method.kind, index: index,
        key: isKey ? .argument(argument) : .none,
        parameters: try CandidSignature(function.parameters, in: candid.environment),
        results: try CandidSignature(function.results, in: candid.environment))
    } catch {
      throw bad("the types of \"\(method.name)\" cannot be used: \(error.description)")
    }
  }

  private static func isKeyType(_ type: CandidType, _ candid: CandidInterface) -> Bool {
    switch try? candid.environment.resolve(type) {
    case .text: true
    case .vec(let element): (try? candid.environment.resolve(element)) == .nat8
    default: false
    }
  }

  private static func bad(_ reason: String) -> Problem {
    Problem(422, "bad_module", "the module cannot be used: \(reason)")
  }
}
