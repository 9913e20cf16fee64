import Testing

/// A file of the repository: its path from the top, with `/` between the parts, and its text.
typealias RepositoryFile = (path: String, text: String)

/// A place that breaks a rule of the house.
struct Violation: CustomStringConvertible {
  var path: String
  /// Counted from 1; nil where the rule is about the whole file.
  var line: Int?
  var message: String

  var description: String {
    line.map { "\(path):\($0): \(message)" } ?? "\(path): \(message)"
  }
}

/// Records each violation as a failure of its own.
func expectNone(_ violations: [Violation], sourceLocation: SourceLocation = #_sourceLocation) {
  for violation in violations {
    Issue.record("\(violation.description)", sourceLocation: sourceLocation)
  }
}
