/// The types that an input asks for, and what is to be read at them.
struct Request {
  /// Nil to read without types.
  let signature: CandidSignature?
  let content: [UInt8]

  /// The first byte chooses: 0 no types, then one of `known`; every other byte is followed by
  /// definitions, a zero, the types, a zero, all as text. Nil when those are no types.
  init?(_ input: [UInt8]) {
    guard let choice = input.first else { return nil }
    if Int(choice) <= Self.known.count {
      signature = choice == 0 ? nil : Self.known[Int(choice) - 1]
      content = Array(input.dropFirst())
      return
    }
    let parts = input.dropFirst().split(
      separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let written = Self.signature(parts[0], parts[1]) else { return nil }
    signature = written
    content = Array(parts[2])
  }

  private static func signature(
    _ definitions: ArraySlice<UInt8>, _ types: ArraySlice<UInt8>
  ) -> CandidSignature? {
    guard let interface = try? CandidInterface(parsing: Array(definitions)),
      let types = try? CandidText.parseTypes(String(decoding: types, as: UTF8.self))
    else { return nil }
    return try? CandidSignature(types, in: interface.environment)
  }

  /// One for each rule that a reader has to get right.
  private static let known: [CandidSignature] = [
    ("", "()"),
    ("", "(null, reserved, opt empty)"),
    ("", "(nat, int, nat8, int64, float32, float64, bool, text)"),
    ("", "(opt nat, opt opt int, vec opt text)"),
    ("", "(blob, vec nat16, vec null, vec reserved)"),
    ("", "(principal, service { m : (nat) -> (int) query }, func (text) -> () oneway)"),
    ("", "(record { a : nat; b : opt text; 5 : reserved; c : null })"),
    ("", "(variant { ok : record { text; text }; err : opt nat; none })"),
    ("", "(opt variant { a : nat; b }, opt record { a : int })"),
    ("", "(vec record { text; blob }, vec record {}, vec vec nat8)"),
    ("type List = opt record { head : int; tail : List };", "(List)"),
    ("type Tree = variant { leaf : int; node : record { Tree; Tree } };", "(Tree, opt Tree)"),
    ("type Vec = vec Vec; type Opt = opt Opt;", "(Vec, Opt)"),
    (
      "type F = func (opt F) -> (S); type S = service { f : F; g : (nat) -> (nat) };",
      "(opt F, opt S, vec record { F })"
    ),
    ("type E = record { E };", "(opt E, vec E)"),
  ].map { definitions, types in
    guard let made = signature(Array(definitions.utf8)[...], Array(types.utf8)[...]) else {
      fatalError("the fuzzer's own types are wrong: \(types)")
    }
    return made
  }
}
