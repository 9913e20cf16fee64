import Testing

@testable import Candid

@Suite("Rules of coercion")
struct CoercionRuleTests {
  private static let options: [BinaryRow] = [
    BinaryRow("null", "00 01 7f", "(opt nat)", "(null)"),
    BinaryRow("reserved", "00 01 70", "(opt nat)", "(null)"),
    BinaryRow("constituent", "00 01 7d 05", "(opt nat)", "(opt 5)"),
    BinaryRow("constituent of two opts", "00 01 7e 01", "(opt opt bool)", "(opt opt true)"),
    BinaryRow("another type", "00 01 7e 01", "(opt nat)", "(null)"),
    BinaryRow("opt of another type", "01 6e 7e 01 00 01 01", "(opt nat)", "(null)"),
    BinaryRow("opt of nothing of another type", "01 6e 7e 01 00 00", "(opt nat)", "(null)"),
    BinaryRow(
      "only the innermost opt is null", "02 6e 01 6e 7e 01 00 01 01 01", "(opt opt nat)",
      "(opt null)"),
    BinaryRow("opt at what is no opt", "01 6e 7d 01 00 01 05", "(nat)", .typeMismatch),
    BinaryRow("opt of an opt at an opt", "02 6e 01 6e 7d 01 00 01 01 05", "(opt nat)", "(null)"),
    BinaryRow("opt reserved at opt null", "01 6e 70 01 00 01", "(opt null)", "(null)"),
    BinaryRow("malformed under an opt", "01 6e 7e 01 00 01 02", "(opt nat)", .malformed),
    BinaryRow("malformed where the type would be null", "00 01 7e 02", "(opt nat)", .malformed),
    BinaryRow(
      "malformed behind the field that fails", "02 6e 01 6c 02 00 7e 01 7e 01 00 01 01 02",
      "(opt record { 0 : nat })", .malformed),
    BinaryRow(
      "malformed in a dropped field", "01 6c 02 00 7e 01 71 01 00 01 01 ff",
      "(record { 0 : bool })", .malformed),
    BinaryRow("malformed where reserved is wanted", "00 01 71 01 ff", "(reserved)", .malformed),
    BinaryRow("malformed in a dropped argument", "00 02 7d 7e 05 02", "(nat)", .malformed),
    BinaryRow("value of type empty under an opt", "01 6e 6f 01 00 01", "(opt nat)", .malformed),
    BinaryRow(
      "what is behind a null is read on", "01 6e 71 02 00 7d 01 02 6162 07",
      "(opt nat, nat)", "(null, 7)"),
    BinaryRow(
      "field fails, its record's opt is null", "02 6c 02 00 7e 01 7d 6e 00 01 01 01 01 05",
      "(opt record { 0 : nat; 1 : nat })", "(null)"),
    BinaryRow(
      "optional field fails by itself", "02 6c 02 00 7e 01 7d 6e 00 01 01 01 01 05",
      "(opt record { 0 : opt nat; 1 : nat })", "(opt record { 0 = null; 1 = 5 })"),
    BinaryRow(
      "unknown case under an opt", "02 6b 01 01 7d 6e 00 01 01 01 00 05",
      "(opt variant { 0 })", "(null)"),
    BinaryRow("endless opt", "01 6e 00 01 00 01 01 00", "(Opt)", "(opt opt null)"),
    BinaryRow(
      "endless opt at a finite one", "01 6e 00 01 00 01 01 00", "(opt opt opt empty)",
      "(opt opt null)"),
  ]

  private static let byValue: [BinaryRow] = [
    BinaryRow("empty vec int at vec int8", "01 6d 7c 01 00 00", "(vec int8)", "(vec {})"),
    BinaryRow("vec int at vec int8", "01 6d 7c 01 00 01 05", "(vec int8)", .typeMismatch),
    BinaryRow("empty vec empty at vec nat", "01 6d 6f 01 00 00", "(vec nat)", "(vec {})"),
    BinaryRow("vec empty that is not", "01 6d 6f 01 00 01", "(vec empty)", .malformed),
    BinaryRow(
      "case that fits among some that do not", "01 6b 02 00 7e 01 7d 01 00 01 05",
      "(variant { 0 : nat; 1 : nat })", "(variant { 1 = 5 })"),
    BinaryRow(
      "case that does not fit", "01 6b 02 00 7e 01 7d 01 00 00 01",
      "(variant { 0 : nat; 1 : nat })", .typeMismatch),
    BinaryRow(
      "case of another index", "01 6b 02 02 7d 05 7e 01 00 01 01",
      "(variant { 1; 2 : nat; 3; 5 : bool })", "(variant { 5 = true })"),
    BinaryRow("unknown case", "01 6b 01 09 7f 01 00 00", "(variant { 1 })", .typeMismatch),
    BinaryRow(
      "each element by itself", "02 6d 01 6b 02 00 7e 01 7d 01 00 02 00 01 01 05",
      "(vec opt variant { 1 : nat })", "(vec { null; opt variant { 1 = 5 } })"),
    BinaryRow("nat at int", "00 01 7d 40", "(int)", "(64)"),
    BinaryRow("overlong nat at int", "00 01 7d c0 80 00", "(int)", "(64)"),
    BinaryRow("overlong zero at int", "00 01 7d 80 80 00", "(int)", "(0)"),
    BinaryRow(
      "nat of 63 bits at int", "00 01 7d ffffffffffffffff 7f", "(int)",
      "(9223372036854775807)"),
    BinaryRow(
      "nat of 64 bits at int", "00 01 7d ffffffffffffffffff 01", "(int)",
      "(18446744073709551615)"),
    BinaryRow(
      "nat of 70 bits at int", "00 01 7d ffffffffffffffffff 7f", "(int)",
      "(1180591620717411303423)"),
    BinaryRow("int at nat", "00 01 7c 05", "(nat)", .typeMismatch),
    BinaryRow("nat8 at nat", "00 01 7b 05", "(nat)", .typeMismatch),
    BinaryRow("nat8 at nat16", "00 01 7b 05", "(nat16)", .typeMismatch),
    BinaryRow("reserved at null", "00 01 70", "(null)", .typeMismatch),
    BinaryRow("anything at empty", "00 01 7d 05", "(empty)", .typeMismatch),
    BinaryRow(
      "blob at vec of opt", "01 6d 7b 01 00 02 01 02", "(vec opt nat8)",
      "(vec { opt 1; opt 2 })"),
    BinaryRow(
      "service at principal", "01 69 00 01 00 01 01 04", "(principal)",
      "(principal \"2vxsx-fae\")"),
    BinaryRow(
      "services at principals", "02 69 00 6d 00 01 01 01 01 01 04", "(vec principal)",
      "(vec { principal \"2vxsx-fae\" })"),
    BinaryRow("principal at service", "00 01 68 01 01 04", "(service {})", .typeMismatch),
    BinaryRow(
      "func at principal", "01 6a 00 00 00 01 00 01 01 01 04 01 6d", "(principal)",
      .typeMismatch),
  ]

  private static let missing: [BinaryRow] = [
    BinaryRow(
      "fields with a default", "01 6c 00 01 00",
      "(record { 0 : opt nat; 1 : null; 2 : reserved })",
      "(record { 0 = null; 1 = null; 2 = null })"),
    BinaryRow("field without a default", "01 6c 00 01 00", "(record { 0 : nat })", .typeMismatch),
    BinaryRow(
      "field without a default under an opt", "01 6c 00 01 00", "(opt record { 0 : nat })",
      "(null)"),
    BinaryRow(
      "fields before, between and behind", "01 6c 03 01 7d 03 7e 05 7f 01 00 07 01",
      "(record { 0 : opt nat; 1 : nat; 2 : null; 4 : opt bool; 6 : reserved })",
      "(record { 0 = null; 1 = 7; 2 = null; 4 = null; 6 = null })"),
    BinaryRow(
      "arguments with a default", "00 00", "(opt nat, null, reserved)",
      "(null, null, null)"),
    BinaryRow("argument without a default", "00 00", "(nat)", .typeMismatch),
    BinaryRow("arguments that nobody wants", "00 03 7d 71 7e 05 01 61 01", "(nat)", "(5)"),
    BinaryRow(
      "list at list of int", "02 6e 01 6c 02 00 7d 01 00 01 00 01 40 01 01 00", "(List)",
      "(opt record { 0 = 64; 1 = opt record { 0 = 1; 1 = null } })"),
    BinaryRow(
      "list that is the same", "02 6e 01 6c 02 00 7c 01 00 01 00 01 40 01 01 00", "(List)",
      "(opt record { 0 = -64; 1 = opt record { 0 = 1; 1 = null } })"),
    BinaryRow(
      "tree with a leaf too much", "02 6c 02 00 01 01 7e 6d 00 01 00 01 00 01 00",
      "(Tree)", "(record { 0 = vec { record { 0 = vec {} } } })"),
  ]

  /// A func of the table's last entry at the anonymous principal, method `m`.
  private static let reference = "01 01 01 04 01 6d"
  private static let references: [BinaryRow] = [
    BinaryRow(
      "same annotations", "01 6a 00 00 01 01 01 00" + reference, "(func () -> () query)",
      "(func \"2vxsx-fae\".m)"),
    BinaryRow(
      "other annotations", "01 6a 00 00 01 01 01 00" + reference, "(func () -> ())",
      .typeMismatch),
    BinaryRow(
      "composite query is no query", "01 6a 00 00 01 03 01 00" + reference,
      "(func () -> () query)", .typeMismatch),
    BinaryRow(
      "parameters are contravariant", "01 6a 01 7c 00 00 01 00" + reference,
      "(func (nat) -> ())", "(func \"2vxsx-fae\".m)"),
    BinaryRow(
      "parameters are not covariant", "01 6a 01 7d 00 00 01 00" + reference,
      "(func (int) -> ())", .typeMismatch),
    BinaryRow(
      "results are covariant", "01 6a 00 01 7d 00 01 00" + reference, "(func () -> (int))",
      "(func \"2vxsx-fae\".m)"),
    BinaryRow(
      "results are not contravariant", "01 6a 00 01 7c 00 01 00" + reference,
      "(func () -> (nat))", .typeMismatch),
    BinaryRow(
      "parameters may be dropped", "01 6a 00 00 00 01 00" + reference,
      "(func (nat) -> ())", "(func \"2vxsx-fae\".m)"),
    BinaryRow(
      "results may be added", "01 6a 00 02 7d 7e 00 01 00" + reference,
      "(func () -> (nat))", "(func \"2vxsx-fae\".m)"),
    BinaryRow(
      "optional parameters may be added", "02 6a 01 01 00 00 6e 7d 01 00" + reference,
      "(func () -> ())", "(func \"2vxsx-fae\".m)"),
    BinaryRow(
      "wrong reference under an opt", "01 6a 01 7d 00 00 01 00" + reference,
      "(opt func (int) -> ())", "(null)"),
    BinaryRow(
      "wrong reference under an opt, malformed", "01 6a 01 7d 00 00 01 00 01 01 01 04 01 ff",
      "(opt func (int) -> ())", .malformed),
    BinaryRow(
      "opt of a wrong reference among right ones",
      "03 6c 02 00 01 01 02 6a 01 7d 00 00 6a 00 00 00 01 00" + reference + reference,
      "(record { 0 : opt func (int) -> (); 1 : func () -> () })",
      "(record { 0 = null; 1 = func \"2vxsx-fae\".m })"),
    BinaryRow(
      "func of itself", "01 6a 01 00 00 00 01 00" + reference, "(Fun)",
      "(func \"2vxsx-fae\".m)"),
    BinaryRow(
      "func of itself in two steps", "02 6a 01 01 00 00 6a 01 00 00 00 01 00" + reference,
      "(Fun)", "(func \"2vxsx-fae\".m)"),
    BinaryRow(
      "func of itself, somewhere else", "02 6a 01 01 00 00 6a 00 00 00 01 00" + reference,
      "(Fun)", .typeMismatch),
    BinaryRow(
      "service of itself", "02 69 01 016d 01 6a 00 01 00 00 01 00 01 01 04", "(Service)",
      "(service \"2vxsx-fae\")"),
    BinaryRow(
      "service with a method more", "02 69 02 016d 01 016e 01 6a 00 01 00 00 01 00 01 01 04",
      "(Service)", "(service \"2vxsx-fae\")"),
    BinaryRow("service with a method less", "01 69 00 01 00 01 01 04", "(Service)", .typeMismatch),
  ]

  @Test("opt", arguments: options)
  func option(_ row: BinaryRow) throws { try row.check() }

  @Test("a value is coerced if it can be, whatever its type holds besides", arguments: byValue)
  func value(_ row: BinaryRow) throws { try row.check() }

  @Test("what is missing, and what is too much", arguments: missing)
  func absent(_ row: BinaryRow) throws { try row.check() }

  @Test("references are coerced by their types", arguments: references)
  func reference(_ row: BinaryRow) throws { try row.check() }

  @Test("a refuted assumption leaves nothing behind")
  func refutedAssumptions() throws {
    // A and B are assumed equal while their second fields are compared, which differ.
    let environment = try CandidInterface(
      parsing: """
        type A = record { a : vec B; z : nat }; type B = record { a : vec A; z : nat };
        type C = record { a : vec D; z : nat }; type D = record { a : vec C; z : text };
        type F = func (A) -> (C); type G = func (C) -> (A);
        """
    ).environment
    func holds(_ left: String, _ right: String) throws -> Bool {
      try CandidType.named(left).isSubtype(of: .named(right), in: environment)
    }
    #expect(try holds("A", "B") && holds("B", "A"))
    for (left, right) in [("A", "C"), ("A", "D"), ("B", "C"), ("C", "D"), ("F", "G"), ("G", "F")] {
      #expect(try !holds(left, right) && !holds(right, left), "\(left) and \(right)")
    }
    // One checker for all pairs, so that what is kept of one serves the next.
    var compiler = TypeCompiler(environment)
    var references: [TypeReference] = []
    for name in ["A", "B", "C", "D", "F", "G"] {
      references.append(try compiler.compile(.named(name)))
    }
    var checker = SubtypeChecker(compiler.table, compiler.table)
    for (row, left) in references.enumerated() {
      for (column, right) in references.enumerated() {
        let areSame = row == column || Set([row, column]) == [0, 1]
        #expect(try checker.decide(left, right) == areSame)
      }
    }
  }
}
