import Glibc

/// What the system tells of this process.
package struct ProcessFigures: Sendable {
  package var residentBytes: UInt64 = 0
  package var openDescriptors: UInt64 = 0
  package var maximumDescriptors: UInt64 = 0
  package var processorSeconds = 0.0

  /// Reads the figures, which takes time in proportion to the open descriptors.
  static func read() -> ProcessFigures {
    var figures = ProcessFigures()
    let pages = text(of: "/proc/self/statm").split(separator: " ").dropFirst().first
    figures.residentBytes =
      (pages.flatMap { UInt64($0) } ?? 0) &* UInt64(sysconf(Int32(_SC_PAGESIZE)))
    figures.openDescriptors = descriptorCount
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      figures.maximumDescriptors = UInt64(limit.rlim_cur)
    }
    var time = timespec()
    if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 {
      figures.processorSeconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    return figures
  }

  private static var descriptorCount: UInt64 {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count: UInt64 = 0
    while let entry = readdir(directory) {
      if entry.pointee.d_name.0 != 0x2E { count += 1 }
    }
    // The directory's own.
    return count > 0 ? count - 1 : 0
  }

  private static func text(of path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = buffer.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }
}
