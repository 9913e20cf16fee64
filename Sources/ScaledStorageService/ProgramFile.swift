import Foundation
import Glibc

/// The file that the program was started from, as it is to be started again.
enum ProgramFile {
  /// Its absolute path by the name that the program was called by, symbolic links not followed: an
  /// upgrade may have put another file in its place, or have turned a link to the next release.
  static var path: String {
    if let path = path(of: CommandLine.arguments.first ?? "") { return path }
    // Whoever started it called it by a name that is no file's.
    let running = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return running ?? ""
  }

  /// As a shell finds it; nil when the name is none of a path, and in none of the folders.
  static func path(
    of name: String, folders: String = getenv("PATH").map { String(cString: $0) } ?? ""
  ) -> String? {
    if name.contains("/") { return URL(fileURLWithPath: name).path }
    guard !name.isEmpty else { return nil }
    let candidates = folders.split(separator: ":").map { "\($0)/\(name)" }
    return
      candidates
      .first { path in access(path, X_OK) == 0 }
      .map { URL(fileURLWithPath: $0).path }
  }
}
