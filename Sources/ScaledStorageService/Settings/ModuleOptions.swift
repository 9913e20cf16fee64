import ArgumentParser
import ScaledStorage
import WasmRuntime

/// What a node's module may take.
package struct ModuleOptions: ParsableArguments {
  @Option(help: "Wasmtime's library, which runs modules. (default: where deploy/wasmtime puts it)")
  var wasmtime: String?

  @Option(
    help: ArgumentHelp(
      "Limits of the module, as fuel=10000000,memory=64M; times are in seconds. "
        + "The README lists them.", valueName: "list"))
  var moduleLimits: String?

  @Option(help: "Fuel that a node's calls may use in a second. (default: 2000000000)")
  var fuelBudget: UInt64?

  package static let mostModuleBytes = 64 << 20
  package static let mostExpandedModuleBytes = 128 << 20

  package init() {}

  static let names = ["wasmtime", "module-limits", "fuel-budget"]

  static var limits: [NamedLimit<WasmLimits>] {
    [
      .fuel("fuel", \.fuel), .fuel("init-fuel", \.initFuel),
      .time("deadline", \.deadline), .time("init-deadline", \.initDeadline),
      .bytes("memory", \.memoryBytes, from: 1 << 16, to: 1 << 32),
      .count("table-elements", \.tableElements),
      .bytes("stack", \.stackBytes, from: 16 << 10, to: 1 << 20),
      .bytes("module-bytes", \.moduleBytes, from: 8, to: mostModuleBytes),
      .bytes(
        "expanded-module-bytes", \.expandedModuleBytes, from: 8, to: mostExpandedModuleBytes),
      .count("functions", \.functions), .time("compile-time", \.compileTime),
      .bytes("reply-bytes", \.replyBytes, to: 16 << 20),
      .bytes("printed-bytes", \.printedBytes, to: 1 << 20),
    ]
  }
}

extension NamedLimit {
  static func fuel(_ name: String, _ path: WritableKeyPath<Limits, UInt64>) -> NamedLimit {
    NamedLimit(name: name, example: "a number from 1000 on, as 10000000") { limits, text in
      guard let value = UInt64(text), value >= 1_000, value <= 1 << 60 else { return false }
      limits[keyPath: path] = value
      return true
    }
  }
}

/// The settings of modules that are in force.
struct ModuleSettings {
  var wasmtime: String?
  /// The text of the limits that differ from the usual, and all limits.
  var limitsText: String?
  var limits = WasmLimits()
  var fuelBudget: UInt64

  init(_ options: ModuleOptions, _ configuration: Configuration) throws {
    wasmtime = try configuration.optional(
      "wasmtime", flag: options.wasmtime, usual: "where deploy/wasmtime puts it")
    limitsText = try configuration.optional(
      "module-limits", flag: options.moduleLimits, usual: "the usual ones")
    if let limitsText {
      try NamedLimit.apply(
        limitsText, to: &limits, of: ModuleOptions.limits, setting: "module-limits",
        configuration)
    }
    fuelBudget = try configuration.value(
      "fuel-budget", flag: options.fuelBudget,
      default: NodeRuntime.Settings().fuelBudget)
    guard fuelBudget >= 1 else {
      throw configuration.wrong(
        "fuel-budget", "is 0; it can be a number from 1 on, as 2000000000")
    }
  }

  /// The same for a node, as arguments.
  /// - Parameter path: makes paths such that other programs find the same files.
  func arguments(_ path: (String) -> String) -> [String] {
    var arguments = ["--fuel-budget", String(fuelBudget)]
    if let wasmtime { arguments += ["--wasmtime", path(wasmtime)] }
    if let limitsText { arguments += ["--module-limits", limitsText] }
    return arguments
  }
}
