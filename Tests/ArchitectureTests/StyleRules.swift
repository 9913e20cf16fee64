/// The rules of style that `swift format` does not know.
enum StyleRules {
  static let greatestFileLength = 500
  static let greatestLineLength = 100

  /// Files and lines that are too long, in any Swift file.
  static func sizes(in files: [RepositoryFile]) -> [Violation] {
    files.filter { $0.path.hasSuffix(".swift") }.flatMap { file -> [Violation] in
      let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
      // The newline at the end begins no further line.
      let count = lines.count - (lines.last == "" ? 1 : 0)
      var found: [Violation] = []
      if count > greatestFileLength {
        let message = "\(count) lines; split it by concept (at most \(greatestFileLength))"
        found.append(Violation(path: file.path, line: nil, message: message))
      }
      for (index, line) in lines.enumerated() where line.count > greatestLineLength {
        let message = "\(line.count) columns (at most \(greatestLineLength))"
        found.append(Violation(path: file.path, line: index + 1, message: message))
      }
      return found
    }
  }

  /// Traps on purpose, and marks of unfinished work, in the Swift and C files under `Sources`.
  static func defects(in files: [RepositoryFile]) -> [Violation] {
    files.filter { $0.path.hasPrefix("Sources/") }.flatMap { file in
      (file.path.hasSuffix(".swift") ? traps(in: file) : []) + unfinishedWork(in: file)
    }
  }

  private static func traps(in file: RepositoryFile) -> [Violation] {
    let tokens = SwiftTokenizer.tokens(of: file.text)
    return zip(tokens, tokens.dropFirst()).compactMap { token, next in
      guard token.kind == .word else { return nil }
      let isTrap =
        switch token.text {
        case "try", "as": next.text == "!" && !next.isSpaced
        case "fatalError", "preconditionFailure": next.text == "("
        default: false
        }
      guard isTrap else { return nil }
      let message = "\(token.text)\(next.text) ends the process; throw an error that says why"
      return Violation(path: file.path, line: token.line, message: message)
    }
  }

  private static func unfinishedWork(in file: RepositoryFile) -> [Violation] {
    let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().flatMap { index, line in
      ["TODO", "FIXME"].filter { line.contains($0) }.map { mark in
        Violation(path: file.path, line: index + 1, message: "\(mark): finish it or leave it out")
      }
    }
  }

  /// Types that bear the name of their module: they hide it, and `Module.Type` finds nothing.
  static func typesNamedAsModule(in files: [RepositoryFile]) -> [Violation] {
    let kinds: Set<String> = ["struct", "class", "enum", "actor", "protocol", "typealias"]
    return files.filter { $0.path.hasSuffix(".swift") }.flatMap { file -> [Violation] in
      guard let module = targetName(of: file.path)?.asModuleName else { return [] }
      let tokens = SwiftTokenizer.tokens(of: file.text).filter { $0.text != "`" }
      return tokens.indices.dropFirst().compactMap { index in
        let kind = tokens[index - 1]
        let isDeclaration = kind.kind == .word && kinds.contains(kind.text)
        let isImported = index > 1 && tokens[index - 2].text == "import"
        guard isDeclaration, !isImported, tokens[index].text == module else { return nil }
        let message = "a type must not bear the name of its module, \(module)"
        return Violation(path: file.path, line: tokens[index].line, message: message)
      }
    }
  }
}

extension String {
  /// The name of the module that a target of this name becomes.
  fileprivate var asModuleName: String {
    String(map { $0.isLetter || $0.isNumber ? $0 : "_" })
  }
}
