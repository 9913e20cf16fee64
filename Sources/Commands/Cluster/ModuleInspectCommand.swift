import ArgumentParser
import Candid
import Gateway
import HTTPTransport
import ScaledStorage
import WasmRuntime
import WireProtocol

/// `scaled-storage module inspect`.
struct ModuleInspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show what a module offers and needs.",
    discussion: """
      With a file it needs no cluster, and ends with status 1 when nodes would refuse the module. \
      Without one it shows the cluster's module.

        scaled-storage module inspect counter.wasm
        scaled-storage module inspect --json
      """)

  @Argument(help: "The module's file, also compressed by gzip.")
  var file: String?

  @Option(help: "The file with the module's interface in Candid, as for upload.")
  var candid: String?

  @Flag(help: "Inspect it as upload --stub-imports would send it.")
  var stubImports = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    guard file != nil || (candid == nil && !stubImports) else {
      throw ValidationError("--candid and --stub-imports need a module's file")
    }
  }

  func run() throws {
    let inspection: ModuleInspection
    if let file {
      inspection = try ModuleInspection(
        try ModuleFile(file, candid: candid).embedded(stubsImports: stubImports))
    } else {
      let connection = try cluster.connect()
      let info = try ModuleRoll.gatewayInfo(connection)
      guard let wanted = info.wanted else {
        throw CommandFailure("the cluster has no module; name a file to inspect that")
      }
      inspection = ModuleInspection(wanted)
    }
    if json {
      try JSONOutput.print(inspection)
    } else {
      try StandardStreams.write(inspection.text)
    }
    if !inspection.problems.isEmpty { throw ExitCode.failure }
  }
}

/// What a module offers and needs.
struct ModuleInspection: Encodable {
  struct Method: Encodable {
    var name: String
    var kind: String
    /// Which argument is the key, from 0.
    var key: UInt32?
    var keyless: Bool
  }

  struct Section: Encodable {
    var name: String
    var bytes: Int
  }

  var sha256: String
  /// As it is sent, and expanded.
  var bytes: UInt64
  var expandedBytes: Int?
  var functions: Int?
  var methods: [Method]
  /// Imports that there are here, and those that are not; nil when only the cluster has the module.
  var imports: [String]?
  var missingImports: [String]?
  var stubsImports: Bool?
  var sections: [Section]?
  var candid: String?
  /// Why nodes would refuse it.
  var problems: [String] = []

  init(_ module: Module) throws(CommandFailure) {
    let image: ModuleImage
    do {
      let expanded = try module.expanded(limit: ModuleFile.limits.expandedModuleBytes)
      image = try ModuleImage(expanded, limits: ModuleFile.limits)
    } catch let error as Problem {
      throw CommandFailure(error.detail)
    } catch let error as WasmError {
      throw CommandFailure(error.message)
    } catch {
      throw CommandFailure("the module cannot be read")
    }
    sha256 = SHA256.hexadecimal(module.digest)
    bytes = UInt64(module.bytes.count)
    expandedBytes = image.byteCount
    functions = image.functionCount
    func name(_ imported: ModuleImage.Import) -> String { "\(imported.module).\(imported.name)" }
    imports = image.imports.filter(\.isProvided).map(name)
    let missing = image.imports.filter { !$0.isProvided }.map(name)
    missingImports = missing
    stubsImports = image.stubsImports
    sections = image.customSections.map { Section(name: $0.name, bytes: $0.range.count) }
    candid = image.candid
    if !missing.isEmpty, !image.stubsImports {
      problems.append(
        "it imports what there is not here: \(missing.joined(separator: ", ")); "
          + "with --stub-imports a call of one traps")
    }
    do throws(Problem) {
      methods = ModuleInspection.methods(
        ModuleInfo.Description(module, try ModuleInterface(image)))
    } catch {
      problems.append(error.detail)
      methods = image.methods.map {
        Method(
          name: $0.name, kind: $0.kind.rawValue, key: $0.keyArgument.map { UInt32(clamping: $0) },
          keyless: false)
      }
    }
  }

  init(_ known: ModuleInfo.Description) {
    sha256 = known.sha256
    bytes = known.bytes
    methods = ModuleInspection.methods(known)
    candid = known.candid
  }

  private static func methods(_ known: ModuleInfo.Description) -> [Method] {
    known.methods.map {
      Method(name: $0.name, kind: $0.kind, key: $0.key, keyless: $0.isKeyless)
    }
  }

  var text: String {
    var text = "SHA-256 \(sha256)\n\(Figures.grouped(bytes)) bytes"
    if let expandedBytes, expandedBytes != Int(bytes) {
      text += ", \(Figures.grouped(expandedBytes)) expanded"
    }
    if let functions { text += ", \(Figures.grouped(functions)) functions" }
    text += "\n\n"
    var table = TextTable("METHOD", "KIND", "KEY")
    for method in methods { table.add(method.name, method.kind, ModuleInspection.key(method)) }
    text += methods.isEmpty ? "no methods\n" : table.text
    if let imports, !imports.isEmpty { text += "\nimports: \(imports.joined(separator: ", "))\n" }
    if let missingImports, !missingImports.isEmpty {
      text += "\nimports that there are not here, \(stubsImports == true ? "stubbed" : "refused"): "
      text += missingImports.joined(separator: ", ") + "\n"
    }
    if let sections, !sections.isEmpty {
      let list = sections.map { "\($0.name) (\(Figures.grouped($0.bytes)) bytes)" }
      text += "\nsections: \(list.joined(separator: ", "))\n"
    }
    if let candid { text += "\n\(candid)\(candid.hasSuffix("\n") ? "" : "\n")" }
    for problem in problems { text += "\nnodes refuse it: \(problem)\n" }
    return text
  }

  private static func key(_ method: Method) -> String {
    if let key = method.key { return "argument \(key + 1)" }
    return method.keyless ? "none" : "argument 1, if it is text or a blob"
  }
}
