import Candid

/// `.did` files on disk.
enum CandidFiles {
  private static let largestSource = 16 << 20

  /// Reads a file and those that it imports, whose paths are relative to the importing file.
  static func interface(_ path: String) throws(CandidFailure) -> CandidInterface {
    let source = CandidSource(name: path, bytes: try bytes(path))
    return try CandidFailure.located(.text(name: path, source.bytes)) { () throws(CandidError) in
      try CandidInterface(parsing: source) { (path, importer) throws(CandidError) in
        let path = resolved(path, importedBy: importer.name)
        do throws(CandidFailure) {
          return CandidSource(name: path, bytes: try bytes(path))
        } catch {
          throw CandidError(.syntax, error.message)
        }
      }
    }
  }

  private static func bytes(_ path: String) throws(CandidFailure) -> [UInt8] {
    do throws(CommandFailure) {
      return try InputFile.read(path, limit: largestSource)
    } catch {
      throw CandidFailure(error.message)
    }
  }

  /// Without `.` and `..` where possible, so that a file has one name.
  static func resolved(_ path: String, importedBy importer: String) -> String {
    var parts: [Substring] = []
    let folder = importer.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let all = path.hasPrefix("/") ? path[...] : (folder + [path[...]]).joined(separator: "/")[...]
    for part in all.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
    return (all.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }
}
