/// A piece of Swift source that means something: a word, a sign, or the text of a string literal.
struct SwiftToken: Equatable {
  enum Kind: Equatable {
    case word
    /// One character that is neither part of a word nor white space.
    case sign
    /// The text of a string literal without its quotes; interpolated code makes tokens of its own.
    case string
  }

  var kind: Kind
  var text: String
  /// Counted from 1.
  var line: Int
  /// Whether white space or a comment stands before it.
  var isSpaced: Bool
}

/// Splits Swift source into tokens and leaves out comments, so that a rule sees what the compiler
/// sees: a forbidden word in a comment or a message is no offence, and one inside an interpolation
/// is. Regular expression literals are taken for plain signs.
struct SwiftTokenizer {
  private let source: [Character]
  private var position = 0
  private var line = 1
  private var isSpaced = false
  private var tokens: [SwiftToken] = []

  static func tokens(of text: String) -> [SwiftToken] {
    var tokenizer = SwiftTokenizer(source: Array(text))
    tokenizer.scanCode(untilParenthesis: false)
    return tokenizer.tokens
  }

  private init(source: [Character]) {
    self.source = source
  }

  private func starts(with text: String, at index: Int? = nil) -> Bool {
    source[(index ?? position)...].starts(with: text)
  }

  private mutating func advance(_ count: Int = 1) {
    for _ in 0..<count where position < source.count {
      if source[position].isNewline { line += 1 }
      position += 1
    }
  }

  private mutating func append(_ kind: SwiftToken.Kind, _ text: String, line: Int) {
    tokens.append(SwiftToken(kind: kind, text: text, line: line, isSpaced: isSpaced))
    isSpaced = false
  }

  /// Scans to the end, or past the parenthesis that closes an interpolation.
  private mutating func scanCode(untilParenthesis: Bool) {
    var depth = 0
    while position < source.count {
      let character = source[position]
      if character.isWhitespace {
        isSpaced = true
        advance()
      } else if starts(with: "//") {
        skipLineComment()
      } else if starts(with: "/*") {
        skipBlockComment()
      } else if let hashes = hashesBeforeQuote() {
        scanString(hashes: hashes)
      } else if Self.isWordCharacter(character) {
        scanWord()
      } else {
        if character == "(" { depth += 1 }
        if character == ")" { depth -= 1 }
        if untilParenthesis && depth < 0 {
          advance()
          return
        }
        append(.sign, String(character), line: line)
        advance()
      }
    }
  }

  private static func isWordCharacter(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_"
  }

  private mutating func scanWord() {
    let start = position
    while position < source.count, Self.isWordCharacter(source[position]) { position += 1 }
    append(.word, String(source[start..<position]), line: line)
  }

  private mutating func skipLineComment() {
    while position < source.count, !source[position].isNewline { position += 1 }
    isSpaced = true
  }

  private mutating func skipBlockComment() {
    var depth = 0
    repeat {
      if starts(with: "/*") {
        depth += 1
        advance(2)
      } else if starts(with: "*/") {
        depth -= 1
        advance(2)
      } else {
        advance()
      }
    } while depth > 0 && position < source.count
    isSpaced = true
  }

  /// How many `#` open the string literal here, or nil where none begins.
  private func hashesBeforeQuote() -> Int? {
    let hashes = source[position...].prefix { $0 == "#" }.count
    return starts(with: "\"", at: position + hashes) ? hashes : nil
  }

  private mutating func scanString(hashes: Int) {
    let marks = String(repeating: "#", count: hashes)
    advance(hashes)
    let isMultiline = starts(with: "\"\"\"")
    let quote = isMultiline ? "\"\"\"" : "\""
    advance(quote.count)
    var text = ""
    var textLine = line
    while position < source.count {
      if starts(with: quote + marks) {
        advance(quote.count + hashes)
        break
      }
      // An unfinished literal ends with its line, so that one mistake does not hide the rest.
      if !isMultiline && source[position].isNewline { break }
      if starts(with: "\\" + marks + "(") {
        append(.string, text, line: textLine)
        advance(hashes + 2)
        scanCode(untilParenthesis: true)
        text = ""
        textLine = line
      } else if starts(with: "\\" + marks) {
        // The escaped character is kept as written: it cannot end the literal.
        let end = min(position + hashes + 2, source.count)
        text += String(source[position..<end])
        advance(hashes + 2)
      } else {
        text.append(source[position])
        advance()
      }
    }
    append(.string, text, line: textLine)
  }
}
