import ArgumentParser
import Foundation

/// Where a service's settings come from: a flag, else the environment, else a file, else a default.
///
/// A setting has one name everywhere: `--scale-up-at`, `SCALED_STORAGE_SCALE_UP_AT`, and
/// `scale-up-at = …` in the file.
struct Configuration {
  private let environment: [String: String]
  private let file: [String: String]
  private let fileName: String

  /// - Throws: `ConfigurationError` when the file cannot be read, has a line that is no setting, or
  ///   names one that is not among `known`.
  init(
    file path: String?, known: [String],
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    self.environment = environment
    let path = path ?? environment[Configuration.variable("config")]
    fileName = path ?? ""
    guard let path else {
      file = [:]
      return
    }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw ConfigurationError(message: "the configuration file \(path) cannot be read")
    }
    file = try Configuration.parse(text, path: path, known: known)
  }

  private static func parse(
    _ text: String, path: String, known: [String]
  ) throws -> [String: String] {
    var settings: [String: String] = [:]
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let content = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
      guard !content.isEmpty else { continue }
      let parts = content.split(separator: "=", maxSplits: 1).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard parts.count == 2 else {
        throw ConfigurationError(
          message: "\(path), line \(index + 1): write a setting as name = value")
      }
      guard known.contains(parts[0]) else {
        throw ConfigurationError(
          message: "\(path), line \(index + 1): there is no setting \"\(parts[0])\"; "
            + "there are \(known.joined(separator: ", "))")
      }
      guard settings.updateValue(parts[1], forKey: parts[0]) == nil else {
        throw ConfigurationError(
          message: "\(path), line \(index + 1): the setting \(parts[0]) comes a second time")
      }
    }
    return settings
  }

  private static func variable(_ name: String) -> String {
    "SCALED_STORAGE_" + name.uppercased().replacingOccurrences(of: "-", with: "_")
  }

  /// The setting `name`.
  /// - Throws: `ConfigurationError` when its text is no `Value`, naming where it stands.
  func value<Value: LosslessStringConvertible>(
    _ name: String, flag: Value?, default fallback: Value
  ) throws -> Value {
    try optional(name, flag: flag) ?? fallback
  }

  func optional<Value: LosslessStringConvertible>(_ name: String, flag: Value?) throws -> Value? {
    if let flag { return flag }
    let variable = Configuration.variable(name)
    if let text = environment[variable] { return try read(text, name, in: variable) }
    if let text = file[name] { return try read(text, name, in: fileName) }
    return nil
  }

  private func read<Value: LosslessStringConvertible>(
    _ text: String, _ name: String, in place: String
  ) throws -> Value {
    guard let value = Value(text) else {
      throw ConfigurationError(
        message: "\(place): \"\(text)\" is no value for the setting \(name)")
    }
    return value
  }
}

/// What is wrong with the settings of a service.
struct ConfigurationError: Error, CustomStringConvertible {
  let message: String
  var description: String { message }

  /// Runs a service; wrong settings are wrong usage, and end the program with status 64.
  static func asWrongUsage(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as ConfigurationError {
      throw ValidationError(error.message)
    }
  }
}
