/// A word of Candid's text format or of a `.did` file.
struct TextToken {
  enum Kind: Equatable {
    case identifier
    /// Digits, underscores, letters, signs of exponents and points; checked when converted.
    case number
    case string
    /// One of `(){};,:=.`.
    case mark(UInt8)
    case arrow
    case end
  }

  var kind: Kind
  /// Where it starts, in bytes.
  var offset: Int
  /// An identifier's name, else empty.
  var name = ""
  /// A string without quotes and escapes, or a number without underscores, else empty.
  var bytes: [UInt8] = []

  var description: String {
    switch kind {
    case .identifier: name.excerpt
    case .number: String(decoding: bytes, as: UTF8.self).excerpt
    case .string: "a string"
    case .mark(let mark): String(UnicodeScalar(mark))
    case .arrow: "->"
    case .end: "the end"
    }
  }
}

extension TextToken.Kind {
  static func mark(_ character: Unicode.Scalar) -> TextToken.Kind {
    .mark(UInt8(ascii: character))
  }
}

extension String {
  /// As much of the text as an error may repeat, without control over a terminal.
  var excerpt: String {
    let scalars = unicodeScalars.prefix(40).map { scalar in
      scalar.properties.generalCategory == .control ? "?" : scalar
    }
    let isWhole = utf8.count <= 40 || unicodeScalars.dropFirst(40).isEmpty
    return String(String.UnicodeScalarView(scalars)) + (isWhole ? "" : "…")
  }
}
