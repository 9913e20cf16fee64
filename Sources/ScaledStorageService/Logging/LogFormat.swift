import Glibc

/// How lines of the log are written.
enum LogFormat: String, CaseIterable {
  /// Text on a terminal, else JSON.
  case auto
  case text
  case json

  /// What is meant for a log that goes to `descriptor`.
  func resolved(for descriptor: Int32) -> LogFormat {
    guard self == .auto else { return self }
    return isatty(descriptor) == 1 ? .text : .json
  }
}
