import ArgumentParser
import Foundation

/// Where a service's settings come from: a flag, else the environment, else a file, else a default.
///
/// A setting has one name everywhere: `--scale-up-at`, `SCALED_STORAGE_SCALE_UP_AT`, and
/// `scale-up-at = …` in the file. What was looked up, with what it was found to be, is noted in
/// ``settings``.
final class Configuration {
  /// A setting that was looked up.
  struct Setting: Hashable {
    let name: String
    /// Nil when there is none.
    var value: String?
    var place: Place
  }

  /// Where a setting's value stands.
  enum Place: Hashable, CustomStringConvertible {
    case flag(String)
    case variable(String)
    case file(String, line: Int)
    case usual

    var description: String {
      switch self {
      case .flag(let name): name
      case .variable(let name): name
      case .file(let path, let line): "\(path), line \(line)"
      case .usual: "default"
      }
    }
  }

  private let environment: [String: String]
  private let file: ConfigurationFile
  /// What was looked up so far, in that order.
  private(set) var settings: [Setting] = []

  /// - Throws: `ConfigurationError` when the file cannot be read, has a line that is no setting, or
  ///   names one that no service of this program has.
  init(
    file path: String?, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    self.environment = environment
    let path = path ?? environment[Configuration.variable("config")]
    file =
      try path.map { try ConfigurationFile(path: $0, known: Configuration.names) }
      ?? ConfigurationFile()
  }

  /// All settings that there are, whichever service they are for: one file serves them all.
  static let names = ServiceOptions.names + ScalingOptions.names + NodeCommand.names

  /// Those of the environment's variables that look like a setting and are none, each with a
  /// sentence about it.
  var unknownVariables: [(name: String, sentence: String)] {
    let known = Set((Configuration.names + Configuration.clientNames).map(Configuration.variable))
    return environment.keys.sorted().compactMap { name in
      guard name.hasPrefix(Configuration.prefix), !known.contains(name),
        !Configuration.isServiceLink(name)
      else { return nil }
      let setting = name.dropFirst(Configuration.prefix.count).lowercased()
        .replacingOccurrences(of: "_", with: "-")
      return (
        name,
        "there is no setting \"\(setting)\""
          + Configuration.suggestion(for: setting, among: Configuration.names)
      )
    }
  }

  /// What the commands for clients read from the environment besides.
  private static let clientNames = ["config", "url", "token", "token-file"]

  private static let prefix = "SCALED_STORAGE_"

  /// Kubernetes tells containers of the services around them by variables that are named after
  /// those, whatever they are called.
  private static func isServiceLink(_ name: String) -> Bool {
    name.hasSuffix("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.hasSuffix("_PORT")
      || name.contains("_PORT_")
  }

  private static func variable(_ name: String) -> String {
    prefix + name.uppercased().replacingOccurrences(of: "-", with: "_")
  }

  /// "; did you mean …?" when one of the names is like the one given, else where to find them all.
  static func suggestion(for name: String, among names: [String]) -> String {
    let nearest = names.map { ($0, EditDistance.between(name, $0)) }.min { $0.1 < $1.1 }
    guard let (candidate, distance) = nearest, distance <= max(2, name.count / 3) else {
      return "; the README's table and deploy/scaled-storage.conf list them all"
    }
    return "; did you mean \(candidate)?"
  }

  // MARK: - Values

  /// The setting `name`.
  /// - Throws: `ConfigurationError` when its text is no `Value`, naming where it stands.
  func value<Value: LosslessStringConvertible>(
    _ name: String, flag: Value?, default fallback: Value
  ) throws -> Value {
    try optional(name, flag: flag, usual: fallback.description) ?? fallback
  }

  /// The setting `name`; nil when it is given nowhere.
  /// - Parameters:
  ///   - other: a variable by which programs of all kinds are told the same.
  ///   - usual: what holds then, in words.
  /// - Throws: as ``value(_:flag:default:)``.
  func optional<Value: LosslessStringConvertible>(
    _ name: String, flag: Value?, orVariable other: String? = nil, usual: String? = nil
  ) throws -> Value? {
    if let flag {
      note(name, flag.description, .flag("--" + name))
      // As from an empty variable of a script: no default is meant, and no such path is.
      guard !flag.description.isEmpty else {
        throw wrong(name, "has no value; give it one, or leave the flag away")
      }
      return flag
    }
    for variable in [Configuration.variable(name), other].compactMap({ $0 }) {
      guard let text = environment[variable], !text.isEmpty else { continue }
      note(name, text, .variable(variable))
      return try read(text, name)
    }
    if let entry = file.entries[name] {
      note(name, entry.value, .file(file.path, line: entry.line))
      return try read(entry.value, name)
    }
    note(name, usual, .usual)
    return nil
  }

  /// Whether a setting that was looked up was found anywhere.
  func isGiven(_ name: String) -> Bool {
    settings.contains { $0.name == name && $0.place != .usual }
  }

  private func read<Value: LosslessStringConvertible>(_ text: String, _ name: String) throws
    -> Value
  {
    guard let value = Value(text) else {
      throw wrong(name, "is \"\(text)\"; write \(SettingForm.of(Value.self))")
    }
    return value
  }

  private func note(_ name: String, _ value: String?, _ place: Place) {
    let setting = Setting(name: name, value: value, place: place)
    if let index = settings.firstIndex(where: { $0.name == name }) {
      settings[index] = setting
    } else {
      settings.append(setting)
    }
  }

  // MARK: - Errors

  /// What is wrong with a setting that was looked up, with the place where it stands in front.
  ///
  /// - Parameter sentence: goes on after the setting's name: what it is and what it can be.
  func wrong(_ name: String, _ sentence: String) -> ConfigurationError {
    let subject = "\(name) \(sentence)"
    switch settings.first(where: { $0.name == name })?.place ?? .usual {
    case .usual: return ConfigurationError(message: subject)
    case let place: return ConfigurationError(message: "\(place): \(subject)")
    }
  }
}

/// What is wrong with the settings of a service.
struct ConfigurationError: Error, Hashable, CustomStringConvertible {
  let message: String
  var description: String { message }

  /// Runs a service; wrong settings are wrong usage: one line says what is wrong, and the program
  /// ends with status 64.
  static func asWrongUsage(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as ConfigurationError {
      try? FileHandle.standardError.write(contentsOf: Data("Error: \(error.message)\n".utf8))
      throw ExitCode(EX_USAGE)
    }
  }
}
