import Glibc

/// What the system tells of running processes.
enum ProcessTable {
  static var ownID: UInt32 { UInt32(clamping: getpid()) }

  /// The process whose command line has `arguments` as neighbours, if there is one. O(processes).
  ///
  /// A node is found by its data directory, so that one started just before a gateway was killed,
  /// and not yet noted anywhere, is found as well.
  static func find(arguments: [String]) -> pid_t? {
    guard let directory = opendir("/proc") else { return nil }
    defer { closedir(directory) }
    let own = getpid()
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let process = pid_t(name), process != own else { continue }
      let words = commandLine(process)
      guard words.count >= arguments.count else { continue }
      for start in 0...(words.count - arguments.count)
      where Array(words[start..<start + arguments.count]) == arguments {
        return process
      }
    }
    return nil
  }

  /// The words of a process's command line; none when it has ended.
  static func commandLine(_ process: pid_t) -> [String] {
    let descriptor = open("/proc/\(process)/cmdline", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return [] }
    return bytes[..<count].split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }
}

/// The few operations on directories that launching nodes needs.
package enum Directory {
  /// Creates the directory and those above it, for the owner only. Existing ones are left as they
  /// are.
  package static func create(_ path: String) throws(LaunchError) {
    var partial = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      partial += part + "/"
      if mkdir(partial, 0o700) != 0, errno != EEXIST {
        throw LaunchError(
          "cannot create the directory \(partial): " + String(cString: strerror(errno)))
      }
    }
  }

  /// What is in a directory, as far as it can be read; nothing when it is missing.
  package static func names(in path: String) -> [String] { readableNames(in: path) ?? [] }

  /// Whether the directory certainly has nothing: one that is missing has, and of one that cannot
  /// be read it is not known.
  package static func isEmpty(_ path: String) -> Bool { readableNames(in: path)?.isEmpty == true }

  /// What is in a directory; nil when that cannot be read.
  package static func readableNames(in path: String) -> [String]? {
    guard let directory = opendir(path) else { return errno == ENOENT ? [] : nil }
    defer { closedir(directory) }
    var names: [String] = []
    while true {
      // The end and a failure are told apart by this only.
      errno = 0
      guard let entry = readdir(directory) else { break }
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return errno == 0 ? names : nil
  }

  /// Removes a directory with all that is in it. Symbolic links are removed, not followed.
  package static func remove(_ path: String) {
    for name in names(in: path) {
      let child = path + "/" + name
      if unlink(child) != 0, errno == EISDIR { remove(child) }
    }
    rmdir(path)
  }
}

/// Why a node could not be launched.
package struct LaunchError: Error, Sendable {
  package let message: String

  init(_ message: String) {
    self.message = message
  }
}
