import Foundation

/// A file of settings: one `name = value` a line; `#` begins a comment.
struct ConfigurationFile {
  struct Entry: Hashable {
    let value: String
    /// From 1 on.
    let line: Int
  }

  let path: String
  private(set) var entries: [String: Entry] = [:]

  /// No file.
  init() {
    path = ""
  }

  private static let mostBytes = 1 << 20

  /// - Throws: `ConfigurationError` when the file cannot be read, has a line that is no setting,
  ///   names one that is not among `known`, or one twice.
  init(path: String, known: [String]) throws {
    self.path = path
    for (index, line) in try ConfigurationFile.text(path)
      .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
    {
      let content = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespacesAndNewlines)
      guard !content.isEmpty else { continue }
      try read(content, line: index + 1, known: known)
    }
  }

  private static func text(_ path: String) throws -> String {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw ConfigurationError(
        message:
          "the configuration file \(path) cannot be read: \(String(cString: strerror(errno)))"
      )
    }
    guard let data = try? handle.read(upToCount: mostBytes + 1) ?? Data() else {
      throw ConfigurationError(
        message: "the configuration file \(path) cannot be read: it is no file")
    }
    guard let text = String(data: data, encoding: .utf8), data.count <= mostBytes else {
      throw ConfigurationError(
        message: "the configuration file \(path) is no text in UTF-8 of at most 1 MiB")
    }
    return text
  }

  private mutating func read(_ content: String, line: Int, known: [String]) throws {
    let place = "\(path), line \(line)"
    let parts = content.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard parts.count == 2 else {
      throw ConfigurationError(
        message: "\(place): \"\(content.prefix(60))\" is no setting; write name = value")
    }
    guard known.contains(parts[0]) else {
      throw ConfigurationError(
        message: "\(place): there is no setting \"\(parts[0].prefix(60))\""
          + Configuration.suggestion(for: parts[0], among: known))
    }
    guard !parts[1].isEmpty else {
      throw ConfigurationError(
        message: "\(place): \(parts[0]) has no value; give it one, or remove the line")
    }
    let entry = Entry(value: parts[1], line: line)
    if let earlier = entries.updateValue(entry, forKey: parts[0]) {
      throw ConfigurationError(
        message: "\(place): the setting \(parts[0]) comes a second time, after line "
          + "\(earlier.line); remove one of them")
    }
  }
}
