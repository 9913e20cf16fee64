import Testing

@testable import Candid

@Suite("Principals")
struct PrincipalTests {
  @Test(
    "have the text form of the Internet Computer",
    arguments: [
      ([], "aaaaa-aa"),
      ([4], "2vxsx-fae"),
      ([0, 0, 0, 0, 0, 0, 0, 0, 1, 1], "rwlgt-iiaaa-aaaaa-aaaaa-cai"),
      ([0, 0, 0, 0, 0, 0, 0, 1, 1, 1], "rrkah-fqaaa-aaaaa-aaaaq-cai"),
      ([0, 0, 0, 0, 0, 0, 0, 2, 1, 1], "ryjl3-tyaaa-aaaaa-aaaba-cai"),
    ] as [([UInt8], String)])
  func text(_ bytes: [UInt8], _ text: String) throws {
    let principal = try Principal(bytes)
    #expect(principal.text == text)
    #expect(try Principal(text: text) == principal)
    #expect(principal.bytes == bytes)
  }

  @Test("of every length come back from their text")
  func lengths() throws {
    for count in 0...29 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
      let principal = try Principal(bytes)
      #expect(principal.bytes == bytes)
      #expect(principal.count == count)
      #expect(try Principal(text: principal.text).bytes == bytes)
    }
    #expect(throws: CandidError.self) { try Principal([UInt8](repeating: 0, count: 30)) }
  }

  @Test("number canisters, and know their number")
  func canisters() {
    #expect(Principal.canister(number: 1).text == "rrkah-fqaaa-aaaaa-aaaaq-cai")
    #expect(Principal.canister(number: .max).canisterNumber == .max)
    #expect(Principal.canister(number: 258).bytes == [0, 0, 0, 0, 0, 0, 1, 2, 1, 1])
    #expect(Principal.anonymous.canisterNumber == nil)
  }

  @Test("order by their bytes, a prefix first")
  func order() throws {
    let ascending: [[UInt8]] = [[], [0], [0, 0], [0, 1], [1], [1, 0, 0, 0, 0, 0, 0, 0, 0], [2]]
    let principals = try ascending.map { try Principal($0) }
    for (left, right) in zip(principals, principals.dropFirst()) {
      #expect(left < right)
      #expect(left != right)
    }
  }

  @Test(
    "refuse text that is not canonical",
    arguments: [
      "", "aaaaa", "aaaaa-aaa", "rrkahfqaaaaaaaaaaaaqcai", "RRKAH-FQAAA-AAAAA-AAAAQ-CAI",
      "rrkah-fqaaa-aaaaa-aaaaq-caj", "rrkah-fqaaa-aaaaa-aaaaq-cai-", "rrkah--fqaaa", "1rkah-fqaaa",
      "rrkah-fqaaa-aaaaa-aaaaq-cbi", String(repeating: "a", count: 100),
    ])
  func refusals(_ text: String) {
    #expect(throws: CandidError.self) { try Principal(text: text) }
    #expect(Principal(text) == nil)
  }
}
