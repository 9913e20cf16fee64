/// Modules that have too much of something.
extension HostileModule {
  static let sizes: [HostileModule] = [
    HostileModule(
      "20,000 functions", .contained, module(functions(20_000))),
    HostileModule("100,000 functions", .isBad, module(functions(100_000))),
    HostileModule(
      "10,000 exports", .contained,
      module((0..<10_000).map { "(func (export \"e\($0)\"))" }.joined(separator: "\n"))),
    HostileModule(
      "10,000 methods", .contained,
      module(
        (0..<10_000).map { "(func (export \"canister_update u\($0)\"))" }.joined(separator: "\n"))),
    HostileModule(
      "an export with a name of a megabyte", .contained,
      module("(func (export \"\(String(repeating: "n", count: 1 << 20))\"))")),
    HostileModule(
      "a thousand custom sections", .contained,
      module((0..<1_000).map { "(@custom \"s\($0)\" \"abc\")" }.joined(separator: "\n"))),
    HostileModule(
      "a custom section of four megabytes", .contained,
      module("(@custom \"big\" \"\(String(repeating: "x", count: 4 << 20))\")")),
    HostileModule(
      "an interface of four megabytes", .contained,
      module(
        interface(
          "service : { " + (0..<200_000).map { "m\($0) : () -> ();" }.joined() + " }"))),
    HostileModule(
      "a name section of four megabytes", .contained,
      module("(@custom \"name\" \"\(String(repeating: "\\01", count: 1 << 20))\")")),
    HostileModule(
      "50,000 locals", .contained,
      module(
        "(func (export \"canister_update m\") (local \(String(repeating: "i64 ", count: 49_999))) "
          + "\(reply))")),
    HostileModule(
      "blocks nested deeply", .contained,
      module(
        "(func (export \"canister_update m\") \(String(repeating: "block ", count: 20_000))"
          + "\(String(repeating: "end ", count: 20_000)) \(reply))")),
    HostileModule(
      "a jump with many targets", .contained,
      module(
        """
        (func (export "canister_update m")
          (block $b (br_table \(String(repeating: "$b ", count: 100_000)) (i32.const 7))) \(reply))
        """)),
    HostileModule(
      "many jumps with many targets", .contained,
      module(
        "(func (export \"canister_update m\") "
          + String(
            repeating:
              "(block $b (br_table \(String(repeating: "$b ", count: 500)) (i32.const 7)))",
            count: 500) + "\(reply))")),
    HostileModule(
      "a function of a hundred thousand instructions", .contained,
      module(
        "(func (export \"canister_update m\") (local i64) "
          + String(
            repeating: "(local.set 0 (i64.mul (local.get 0) (i64.load (i32.const 1024))))",
            count: 25_000) + "\(reply))")),
    HostileModule(
      "a function with a thousand parameters", .contained,
      module("(func (param \(String(repeating: "i64 ", count: 1_000))))")),
    HostileModule(
      "50,000 types", .contained,
      module(
        (0..<50_000).map { number in
          let types = (0..<16).map { number >> $0 & 1 == 0 ? "i32" : "i64" }
          return "(type (func (param \(types.joined(separator: " ")))))"
        }.joined(separator: "\n"))),
    HostileModule(
      "50,000 segments", .contained,
      module(String(repeating: "(data (i32.const 64) \"x\")\n", count: 50_000))),
    HostileModule(
      "50,000 globals", .contained,
      module(String(repeating: "(global (mut i64) (i64.const 1))\n", count: 50_000))),
  ]

  private static func functions(_ count: Int) -> String {
    String(repeating: "(func)\n", count: count - 2)
  }
}
