import Candid

/// A failure with where it is: in which of the inputs, and at which byte of it.
struct CandidFailure: Error {
  /// What was read.
  enum Input {
    case text(name: String, [UInt8])
    case bytes(name: String, [UInt8])
    case unplaced(name: String)

    fileprivate var name: String {
      switch self {
      case .text(let name, _), .bytes(let name, _), .unplaced(let name): name
      }
    }
  }

  private let sentence: String
  private let input: Input?
  let offset: Int?

  init(_ message: String, in input: Input? = nil, at offset: Int? = nil) {
    sentence = message
    self.input = input
    self.offset = offset
  }

  /// Gives an error of `body` its input.
  static func located<Result>(
    _ input: Input, _ body: () throws(CandidError) -> Result
  ) throws(CandidFailure) -> Result {
    do throws(CandidError) {
      return try body()
    } catch {
      throw CandidFailure(error.message, in: input, at: error.offset)
    }
  }

  /// On one line, for programs.
  var message: String { (input.map { "\($0.name): " } ?? "") + sentence }

  /// For people: the place by line and column or by byte, and the source around it with a caret.
  var report: String {
    guard let offset else { return message }
    switch input {
    case .text(let name, let source):
      let place = TextPosition(of: offset, in: source)
      return "\(name):\(place): \(sentence)\n" + SourceExcerpt.text(source, at: offset)
    case .bytes(let name, let bytes):
      return "\(name), byte \(offset): \(sentence)\n" + SourceExcerpt.hexadecimal(bytes, at: offset)
    case .unplaced, nil: return message
    }
  }
}
