/// Bytes that are no sound module, though they may look like one.
public struct HostileBytes: Sendable, CustomStringConvertible {
  public let name: String
  public let bytes: [UInt8]
  /// Whether it has to be refused; else it may be taken, as long as it does no harm.
  public let isRefused: Bool

  public var description: String { name }

  private static let preamble: [UInt8] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]

  init(_ name: String, _ bytes: [UInt8], isRefused: Bool = true) {
    self.name = name
    self.bytes = bytes
    self.isRefused = isRefused
  }

  public static let all: [HostileBytes] = beginnings + sections + counts + bombs

  private static let beginnings = [
    HostileBytes("nothing", []),
    HostileBytes("half a beginning", Array(preamble.prefix(5))),
    HostileBytes("a beginning alone", preamble, isRefused: false),
    HostileBytes("another version", Array(preamble.prefix(4)) + [2, 0, 0, 0]),
    HostileBytes("a component", Array(preamble.prefix(4)) + [0x0d, 0, 1, 0]),
    HostileBytes("a program of Linux", [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + zeros(100)),
    HostileBytes("text", Array("(module)".utf8)),
    HostileBytes("zeros", zeros(1_000)),
    HostileBytes("the beginning of gzip alone", [0x1f, 0x8b, 0x08]),
    HostileBytes("gzip of nothing", [0x1f, 0x8b, 0x08] + zeros(7) + [3, 0] + zeros(8)),
    HostileBytes("gzip that is cut short", [0x1f, 0x8b, 0x08] + zeros(7) + [0x4b, 0x4c]),
    HostileBytes(
      "gzip with a name without an end", [0x1f, 0x8b, 0x08, 8] + zeros(6) + letters(99)),
  ]

  private static let sections = [
    HostileBytes("an unknown section", preamble + [99, 0]),
    HostileBytes("a section without a length", preamble + [1]),
    HostileBytes("a section beyond the end", preamble + [1, 100, 0]),
    HostileBytes("a section of four gigabytes", preamble + [1] + largest),
    HostileBytes("a length that never ends", preamble + [1] + [UInt8](repeating: 0x80, count: 64)),
    HostileBytes("a length of 64 bits", preamble + [1] + [UInt8](repeating: 0xff, count: 9) + [1]),
    HostileBytes("a custom section without a name", preamble + [0, 0]),
    HostileBytes("a custom section whose name is too long", preamble + [0, 2, 100, 0x61]),
    HostileBytes("a name that is not UTF-8", preamble + section(0, [2, 0xff, 0xfe])),
    HostileBytes(
      "an export that is not UTF-8", preamble + section(7, [1, 2, 0xc3, 0x28, 0, 0])),
    HostileBytes(
      "an import that is not UTF-8", preamble + section(2, [1, 1, 0xff, 1, 0x61, 0, 0])),
    HostileBytes("sections in the wrong order", preamble + section(3, [0]) + section(1, [0])),
    HostileBytes("the same section twice", preamble + section(1, [0]) + section(1, [0])),
    HostileBytes("a section with a rest", preamble + section(1, [0, 1, 2, 3])),
    HostileBytes(
      "functions without code", preamble + section(1, [1, 0x60, 0, 0]) + section(3, [1, 0])),
    HostileBytes(
      "a start function that is not there", preamble + section(8, [7])),
    HostileBytes(
      "an export of what is not there", preamble + section(7, [1, 1, 0x61, 0] + largest)),
    HostileBytes(
      "a method that is not there",
      preamble + section(7, [1, 17] + Array("canister_update m".utf8) + [0] + largest)),
    HostileBytes(
      "an import of an unknown kind", preamble + section(2, [1, 1, 0x61, 1, 0x61, 77, 0])),
  ]

  /// Each section that begins with a count says that it has four billion items.
  private static let counts = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13].map { id in
    HostileBytes("a section \(id) of four billion items", preamble + section(id, largest))
  }

  private static let bombs = [
    HostileBytes(
      "a million custom sections",
      preamble + Array(repeating: [0, 1, 0] as [UInt8], count: 1_000_000).joined(),
      isRefused: false),
    HostileBytes(
      "half a million types",
      preamble
        + section(
          1, leb128(500_000) + Array(repeating: [0x60, 0, 0] as [UInt8], count: 500_000).joined()),
      isRefused: false),
    HostileBytes(
      "half a million imports",
      preamble + section(1, [1, 0x60, 0, 0])
        + section(
          2,
          leb128(500_000)
            + Array(repeating: [3, 0x69, 0x63, 0x30, 1, 0x78, 0, 0] as [UInt8], count: 500_000)
            .joined())),
    HostileBytes(
      "half a million exports",
      preamble + section(5, [1, 0, 1])
        + section(
          7,
          leb128(500_000)
            + (0..<500_000).flatMap { number in
              [4] + Array("\(number + 1_000_000)".utf8.suffix(4)) + [2, 0]
            })),
    HostileBytes(
      "a hundred thousand keys of a method",
      preamble
        + section(
          7,
          leb128(100_000)
            + Array(
              repeating: [14] + Array("scaled_key m 0".utf8) + [0, 0] as [UInt8], count: 100_000
            ).joined())),
    HostileBytes(
      "a name of ten megabytes",
      preamble + section(0, leb128(10 << 20) + letters(10 << 20)), isRefused: false),
  ]

  // MARK: - Parts

  /// 2^32 - 1 in LEB128.
  private static let largest: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0x0f]

  private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
  private static func letters(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x61, count: count) }

  private static func section(_ id: Int, _ content: [UInt8]) -> [UInt8] {
    [UInt8(id)] + leb128(content.count) + content
  }

  private static func leb128(_ number: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = number
    while rest > 0x7f {
      bytes.append(UInt8(rest & 0x7f | 0x80))
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
