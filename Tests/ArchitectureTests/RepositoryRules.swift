/// The rules of the repository's top level and of its manifest.
enum RepositoryRules {
  static let topLevel: Set<String> = [
    "Package.swift", "README.md", "Sources", "Tests", "deploy", "openapi",
  ]

  /// Names that are missing at the top, and names that have no place there. Dot files may be there.
  static func topLevelViolations(names: some Sequence<String>) -> [Violation] {
    let found = Set(names.filter { !$0.hasPrefix(".") })
    return topLevel.subtracting(found).sorted().map {
      Violation(path: $0, line: nil, message: "is missing at the top of the repository")
    }
      + found.subtracting(topLevel).sorted().map {
        Violation(path: $0, line: nil, message: "has no place at the top of the repository")
      }
  }

  /// What keeps the manifest from resolving on another machine: paths outside the repository, and
  /// hosts other than github.com.
  static func manifestViolations(in manifest: RepositoryFile) -> [Violation] {
    SwiftTokenizer.tokens(of: manifest.text).filter { $0.kind == .string }.compactMap { token in
      manifestProblem(token.text).map {
        Violation(path: manifest.path, line: token.line, message: "\"\(token.text)\" \($0)")
      }
    }
  }

  private static func manifestProblem(_ text: String) -> String? {
    if text.hasPrefix("https://github.com/") { return nil }
    if text.contains("://") || text.contains("@") {
      return "names a host other than https://github.com"
    }
    if text.hasPrefix("/") || text.hasPrefix("~") || text.split(separator: "/").contains("..") {
      return "names a path outside the repository"
    }
    return nil
  }
}
