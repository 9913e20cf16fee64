/// RFC 7541: header blocks.
enum HPACKCases {
  static let all = integers + indices + tables + strings + representations

  /// GET, http, /, and an authority "a" that is not indexed.
  private static let plain: [UInt8] = [0x82, 0x86, 0x84, 0x01, 1, 97]
  private static let broken = ConformanceCase.Expectation.connectionError(.compression)

  private static func one(
    _ section: String, _ rule: String, _ tail: [UInt8],
    _ expected: ConformanceCase.Expectation = broken
  ) -> ConformanceCase {
    .init(section, rule, [block(1, plain + tail)], expected)
  }

  private static let integers: [ConformanceCase] = [
    one("RFC 7541 5.1", "an index that never ends is refused", [0xFF, 0x80, 0x80, 0x80]),
    one(
      "RFC 7541 5.1", "an index of more than 64 bits is refused",
      [0xFF] + [UInt8](repeating: 0xFF, count: 12) + [0x01]),
    one(
      "RFC 7541 5.1", "an index of 2³² is refused", [0xFF, 0x81, 0xFF, 0xFF, 0xFF, 0x0F]),
    one(
      "RFC 7541 5.1", "a string length of more than 64 bits is refused",
      [0x00, 0x7F] + [UInt8](repeating: 0xFF, count: 12) + [0x01]),
    one(
      "RFC 7541 5.1", "an index may be written longer than needed",
      // Static index 15 with continuation bytes of zero: accept-charset.
      [0x0F, 0x80, 0x80, 0x00, 1, 98], .answered(1)),
  ]

  private static let indices: [ConformanceCase] = [
    one("RFC 7541 6.1", "index 0 is refused", [0x80]),
    one("RFC 7541 2.3.3", "an index beyond both tables is refused", [0xBE]),
    one("RFC 7541 2.3.3", "a far index is refused", [0xFF, 0x80, 0x01]),
    one("RFC 7541 2.3.3", "a name index beyond both tables is refused", [0x7E, 1, 98]),
    one(
      "RFC 7541 2.3.3", "a name index of a field that is not indexed is checked too",
      [0x0F, 0x2F, 1, 98]),
    .init(
      "RFC 7541 2.3.2", "the dynamic table is the connection's",
      [block(1, plain + [0x40, 1, 120, 1, 121]), block(3, plain + [0xBE])], .answered(3)),
    .init(
      "RFC 7541 2.3.2", "the newest entry comes first",
      [
        block(1, plain + [0x40, 2, 116, 101, 4, 103, 122, 105, 112, 0x40, 1, 120, 1, 121]),
        block(3, plain + [0xBE]), block(5, plain + [0xC0]),
      ], broken),
  ]

  /// An entry of 32 + 1 + `count` bytes; `count` is more than 254.
  private static func entry(_ count: Int) -> [UInt8] {
    let rest = count - 127
    let length: [UInt8] = [127, UInt8(rest & 127 | 128), UInt8(rest >> 7)]
    return [0x40, 1, 120] + length + [UInt8](repeating: 121, count: count)
  }

  private static let tables: [ConformanceCase] = [
    .init(
      "RFC 7541 4.1", "an entry as large as the table stays",
      [block(1, plain + entry(4_063)), block(3, plain + [0xBE])], .answered(3)),
    .init(
      "RFC 7541 4.4", "an entry larger than the table empties it and is no error",
      [block(1, plain + [0x40, 1, 97, 1, 98] + entry(4_064)), block(3, plain)], .answered(3)),
    .init(
      "RFC 7541 4.4", "an entry larger than the table leaves nothing to refer to",
      [block(1, plain + [0x40, 1, 97, 1, 98] + entry(4_064)), block(3, plain + [0xBE])], broken),
    .init(
      "RFC 7541 4.4", "the oldest entry goes when there is no room",
      [block(1, plain + [0x40, 1, 97, 1, 98] + entry(4_063)), block(3, plain + [0xBF])], broken),
    .init(
      "RFC 7541 4.4", "a name may come from the entry that its own field drives out",
      [
        block(1, plain + entry(4_000)),
        block(3, plain + [0x7E, 127, 0xE1, 0x1E] + [UInt8](repeating: 122, count: 4_064)),
        block(5, plain),
      ], .answered(5)),
    .init(
      "RFC 7541 4.2", "a size beyond SETTINGS_HEADER_TABLE_SIZE is refused",
      [block(1, [0x3F, 0xE2, 0x1F] + plain)], broken),
    .init(
      "RFC 7541 6.3", "a size of more than 32 bits is refused",
      [block(1, [0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F] + plain)], broken),
    .init(
      "RFC 7541 4.2", "a size of SETTINGS_HEADER_TABLE_SIZE is taken",
      [block(1, [0x3F, 0xE1, 0x1F] + plain)], .answered(1)),
    .init(
      "RFC 7541 4.2", "the size changes at the beginning of a block only",
      [block(1, plain + [0x20])], broken),
    .init(
      "RFC 7541 4.2", "the size does not change between fields",
      [block(1, [0x82, 0x20] + plain.dropFirst())], broken),
    .init(
      "RFC 7541 4.2", "the size may change twice, down and up",
      [block(1, [0x20, 0x3F, 0xE1, 0x1F] + plain)], .answered(1)),
    .init(
      "RFC 7541 4.3", "a size of 0 empties the table",
      [
        block(1, plain + [0x40, 1, 120, 1, 121]), block(3, [0x20, 0x3F, 0xE1, 0x1F] + plain),
        block(5, plain + [0xBE]),
      ], broken),
  ]

  private static let strings: [ConformanceCase] = [
    one("RFC 7541 5.2", "a value longer than the block is refused", [0x00, 1, 120, 20, 121]),
    one("RFC 7541 5.2", "a name longer than the block is refused", [0x00, 20, 120]),
    one("RFC 7541 5.2", "a field without its value is refused", [0x00, 1, 120]),
    one("RFC 7541 5.2", "Huffman code is taken", [0x00, 0x81, 0xF3, 0x81, 0xF5], .answered(1)),
    one(
      "RFC 7541 5.2", "Huffman padding of more than 7 bits is refused",
      [0x00, 1, 120, 0x82, 0xF3, 0xFF]),
    one("RFC 7541 5.2", "Huffman padding with zeros is refused", [0x00, 1, 120, 0x81, 0xF2]),
    one(
      "RFC 7541 5.2", "EOS within a string is refused",
      [0x00, 1, 120, 0x85, 0xF3, 0xFF, 0xFF, 0xFF, 0xFF]),
    one(
      "RFC 7541 5.2", "a Huffman code that is cut is refused", [0x00, 1, 120, 0x81, 0xFE]),
    one("RFC 7541 5.2", "an empty Huffman string is taken", [0x00, 1, 120, 0x80], .answered(1)),
  ]

  private static let representations: [ConformanceCase] = [
    one(
      "RFC 7541 6.2.1", "a field is taken and indexed", [0x40, 1, 120, 1, 121, 0xBE], .answered(1)),
    one(
      "RFC 7541 6.2.2", "a field that is not indexed is taken", [0x00, 1, 120, 1, 121], .answered(1)
    ),
    one(
      "RFC 7541 6.2.2", "a field that is not indexed leaves no entry",
      [0x00, 1, 120, 1, 121, 0xBE]),
    one(
      "RFC 7541 6.2.3", "a field that is never indexed is taken", [0x10, 1, 120, 1, 121],
      .answered(1)),
    one(
      "RFC 7541 6.2.3", "a field that is never indexed leaves no entry",
      [0x10, 1, 120, 1, 121, 0xBE]),
    one(
      "RFC 7541 6.2.3", "a name of the static table serves a field that is never indexed",
      [0x1F, 0x08, 1, 98], .answered(1)),
  ]
}
