import Foundation

/// The working copy that this test was built from.
enum Repository {
  struct Unreadable: Error {
    var path: String
  }

  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func file(at path: String) throws -> RepositoryFile {
    (path, try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8))
  }

  /// The Swift and C files below a folder of the top level, ordered by path, without those that a
  /// generator writes: its style is its own.
  static func sources(under folder: String) throws -> [RepositoryFile] {
    let top = root.appendingPathComponent(folder)
    guard let paths = FileManager.default.enumerator(atPath: top.path) else {
      throw Unreadable(path: top.path)
    }
    let kinds: Set<String> = ["swift", "h", "c", "modulemap"]
    return try paths.compactMap { $0 as? String }.sorted()
      .filter { kinds.contains(($0 as NSString).pathExtension) && !$0.contains("/Generated/") }
      .map { try file(at: "\(folder)/\($0)") }
  }

  static func folders(under folder: String) throws -> Set<String> {
    let keys: [URLResourceKey] = [.isDirectoryKey]
    let entries = try FileManager.default.contentsOfDirectory(
      at: root.appendingPathComponent(folder), includingPropertiesForKeys: keys)
    return Set(
      try entries.filter { try $0.resourceValues(forKeys: Set(keys)).isDirectory == true }
        .map(\.lastPathComponent))
  }

  /// The names at the top: those that git tracks, or where git knows nothing of this folder (an
  /// unpacked archive) those that are there, without what a build makes.
  static func topLevelNames() throws -> Set<String> {
    let tracked = trackedPaths()
    guard tracked.isEmpty else {
      return Set(tracked.map { String($0.prefix { $0 != "/" }) })
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: root.path)
    return Set(names).subtracting(["Package.resolved"])
  }

  private static func trackedPaths() -> [String] {
    let path = root.path.replacingOccurrences(of: "'", with: "'\\''")
    guard let git = popen("git -C '\(path)' ls-files -z 2>/dev/null", "r") else { return [] }
    let handle = FileHandle(fileDescriptor: fileno(git))
    let listed = handle.readDataToEndOfFile()
    guard pclose(git) == 0 else { return [] }
    return String(decoding: listed, as: UTF8.self).split(separator: "\0").map(String.init)
  }
}
