import Glibc

/// Where Wasmtime's library is looked for.
package enum LibraryPath {
  package static let fileName = "libwasmtime.so"
  /// From the folder of the program: beside it, where a package installs it, and where it lies in a
  /// checkout's build folder.
  private static let relative = ["", "../lib/scaled-storage/", "../../wasmtime/"]
  private static let system = "/usr/local/lib/scaled-storage/"

  /// The first place that has it; nil when none does.
  package static var found: String? { places.first { access($0, R_OK) == 0 } }

  package static var places: [String] {
    let folder = programFolder
    return relative.map { folder + $0 + fileName } + [system + fileName]
  }

  /// With a slash at the end.
  private static var programFolder: String {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &path, path.count)
    guard count > 0 else { return "./" }
    let bytes = path[..<count].map { UInt8(bitPattern: $0) }
    let end = bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    return String(decoding: bytes[..<end], as: UTF8.self)
  }
}
