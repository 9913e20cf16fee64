/// A place in a text as people count: the first line is 1, and so is the first character of a line.
public struct TextPosition: Hashable, Sendable, CustomStringConvertible {
  /// From 1.
  public let line: Int
  /// In Unicode scalars.
  public let column: Int

  /// - Parameters:
  ///   - offset: in bytes; what is out of range counts as the nearer end.
  ///   - source: the text, in UTF-8.
  public init(of offset: Int, in source: [UInt8]) {
    let before = source[..<min(max(offset, 0), source.count)]
    line = before.count { $0 == 0x0a } + 1
    let lineStart = (before.lastIndex(of: 0x0a) ?? -1) + 1
    column = before[lineStart...].count { $0 & 0xc0 != 0x80 } + 1
  }

  /// As compilers write it: `3:14`.
  public var description: String { "\(line):\(column)" }
}
