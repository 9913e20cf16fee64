import Foundation
import Glibc

/// The file that the program was started from, as it is to be started again.
enum ProgramFile {
  /// Its absolute path by the name that the program was called by, symbolic links not followed: an
  /// upgrade may have put another file in its place, or have turned a link to the next release.
  /// Where whoever started it called it by a name that is no file's, the file that runs.
  ///
  /// To be asked for the first time as the program starts, before anything is replaced.
  static let path: String = {
    if let path = path(of: CommandLine.arguments.first ?? "") { return path }
    let running = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return running ?? ""
  }()

  /// As a shell finds it; nil when nothing that can be executed has the name.
  static func path(
    of name: String, folders: String = getenv("PATH").map { String(cString: $0) } ?? ""
  ) -> String? {
    let candidates =
      name.contains("/") ? [name] : folders.split(separator: ":").map { "\($0)/\(name)" }
    return candidates.first { isProgram($0) }.map { URL(fileURLWithPath: $0).path }
  }

  private static func isProgram(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
  }
}
