import Testing

@testable import Candid

/// Messages that ask for far more than they are worth. What is tested is that they are refused;
/// were they not, the test would take minutes or gigabytes.
@Suite("The budget of a message")
struct BudgetTests {
  private static let billion = "80 94 eb dc 03"

  private static let bombs: [BinaryRow] = {
    let vectors = [
      ("nulls", "01 6d 7f 01 00" + billion), ("reserved", "01 6d 70 01 00" + billion),
      ("empty records", "02 6d 01 6c 00 01 00" + billion),
      ("records of nulls", "03 6d 01 6c 02 00 7f 01 02 6c 01 00 70 01 00" + billion),
      ("vecs of nulls", "02 6d 01 6d 7f 01 00 05 ffff3f ffff3f ffff3f ffff3f ffff3f"),
      ("opts of nothing of which there are few", "02 6d 01 6e 00 01 00 ffffffffffffffff7f"),
    ]
    let wanted = ["()", "(reserved)", "(opt nat)", "(vec opt nat)", "(vec reserved)"]
    return vectors.flatMap { name, digits in
      wanted.map { BinaryRow("\(name) at \($0)", digits, $0, .limitExceeded) }
    }
  }()

  @Test("values without bytes are refused, wherever they would go", arguments: bombs)
  func bomb(_ row: BinaryRow) throws {
    try row.check()
    #expect(throws: CandidError.self) { try CandidBinary.decode(row.message) }
  }

  private func expectLimit(
    _ what: Comment, _ message: [UInt8], as types: [CandidType]?,
    in environment: CandidTypeEnvironment = CandidTypeEnvironment()
  ) throws {
    let error = #expect(throws: CandidError.self, what) {
      if let types {
        try CandidBinary.decode(message, as: types, in: environment)
      } else {
        try CandidBinary.decode(message)
      }
    }
    #expect(error?.code == .limitExceeded, what)
  }

  private func message(_ table: [[UInt8]], _ argument: UInt8, _ values: [UInt8]) -> [UInt8] {
    var message = BinaryHeader.magic
    message.appendLEB128(UInt64(table.count))
    return message + table.joined() + [1, argument] + values
  }

  /// A record type; its fields are numbered from 0.
  private func record(_ types: [Int]) -> [UInt8] {
    var bytes: [UInt8] = [0x6c]
    bytes.appendLEB128(UInt64(types.count))
    for (id, type) in types.enumerated() {
      bytes.appendLEB128(UInt64(id))
      bytes.appendSLEB128(Int64(type))
    }
    return bytes
  }

  private func leb128(_ number: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendLEB128(number)
    return bytes
  }

  @Test("records nest no deeper than values may, though they have no bytes")
  func deepRecords() throws {
    let table = (1..<4_000).map { record([$0]) } + [record([])]
    let chain = message(table, 0, [])
    try expectLimit("as sent", chain, as: nil)
    try expectLimit("dropped", chain, as: [])
    try expectLimit("reserved", chain, as: [.reserved])
    try expectLimit(
      "in a vec", message([[0x6d, 1]] + (2..<4_000).map { record([$0]) } + [record([])], 0, [1]),
      as: nil)
    let shallow = (1..<250).map { record([$0]) } + [record([])]
    #expect(throws: Never.self) { try CandidBinary.decode(message(shallow, 0, [])) }
    // A vec without elements has none that nest.
    let empty = [[0x6d, 1]] + (2..<4_000).map { record([$0]) } + [record([])]
    #expect(try CandidBinary.decode(message(empty, 0, [0])) == [.vec([])])
  }

  @Test("fields that the message lacks, or that have no bytes, are charged for")
  func byteless() throws {
    let wide = CandidType.record(
      (0..<100).map { CandidField(label: CandidLabel(id: $0), type: .opt(.nat)) })
    let emptyRecords = message([[0x6d, 1], record([])], 0, leb128(190_000))
    try expectLimit("missing", emptyRecords, as: [.vec(wide)])
    let nulls = record([Int](repeating: -1, count: 65_000))
    try expectLimit("null", message([[0x6d, 1], nulls], 0, leb128(290)), as: nil)
    #expect(throws: Never.self) {
      try CandidBinary.decode(message([[0x6d, 1], record([])], 0, [100]), as: [.vec(wide)])
    }
  }

  @Test("types that meet in too many pairs, or too wide ones, are refused")
  func manyPairs() throws {
    let count: UInt32 = 60
    var environment = CandidTypeEnvironment()
    for number in 0..<count {
      environment["T\(number)"] = .record([
        CandidField(
          label: CandidLabel(id: number), type: .opt(.named("T\((number + 1) % count)")))
      ])
    }
    let wide = message([record((0..<65_000).map { $0 < 200 ? 0 : -1 })], 0, [])
    try expectLimit("wide", wide, as: [.opt(.named("T0"))], in: environment)
    let functions = CandidTypeEnvironment([
      "T": .record([
        CandidField(
          label: CandidLabel(id: 0),
          type: .opt(.function(CandidFunction([.record([])], [.text])))),
        CandidField(label: CandidLabel(id: 1), type: .opt(.named("T"))),
      ])
    ])
    var table = [record([Int](repeating: 1, count: 52_000)), [0x6e, 0x7d]]
    for link in 0..<1_300 {
      table.append([0x6a, 1, 0, 1, 0x7d, 0])
      table.append([0x6e] + sleb128(4 + 3 * (link + 1)))
      table.append(record([2 + 3 * link, link == 1_299 ? -1 : 3 + 3 * link]))
    }
    try expectLimit("functions", message(table, 4, []), as: [.opt(.named("T"))], in: functions)
  }

  private func sleb128(_ number: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendSLEB128(Int64(min(number, 3_901)))
    return bytes
  }

  @Test("values that are read only to be dropped cost more")
  func dropped() throws {
    let bools = message([[0x6d, 0x7e]], 0, leb128(1_000) + [UInt8](repeating: 1, count: 1_000))
    let limits = CandidLimits(cost: 10_000)
    let wanted = try CandidSignature([.vec(.bool)])
    let nothing = try CandidSignature([])
    #expect(throws: Never.self) {
      try CandidBinary.decode(bools, as: wanted, limits: limits)
    }
    #expect(throws: CandidError.self) {
      try CandidBinary.decode(bools, as: nothing, limits: limits)
    }
    let even = CandidLimits(cost: 10_000, skippingFactor: 1)
    #expect(try CandidBinary.decode(bools, as: nothing, limits: even).isEmpty)
  }

  @Test("a message is refused the second time as it was the first, and under stricter limits")
  func knownPlan() throws {
    let number = CandidType.record([CandidField(label: CandidLabel(id: 0), type: .int)])
    let signature = try CandidSignature([number])
    let sent = message([record([-3])], 0, [5])
    for cost in stride(from: 1, to: 400, by: 1) {
      let limits = CandidLimits(cost: cost)
      let fresh = try CandidSignature([number])
      let first = Result { try CandidBinary.decode(sent, as: fresh, limits: limits) }
      let second = Result { try CandidBinary.decode(sent, as: fresh, limits: limits) }
      #expect((try? first.get()) == (try? second.get()), "\(cost)")
    }
    #expect(throws: Never.self) { try CandidBinary.decode(sent, as: signature) }
    let strict = CandidLimits(typeTableEntries: 0)
    #expect(throws: CandidError.self) {
      try CandidBinary.decode(sent, as: signature, limits: strict)
    }
  }

  @Test("an opt that fails at every level is read again only so often")
  func nestedFailures() throws {
    // opt record { 0 : opt record { … }; 1 : null }, where the field 1 is wanted as text.
    let depth = 120
    var table: [[UInt8]] = []
    var wanted = CandidType.text
    for level in 0..<depth {
      table.append([0x6e] + sleb128(2 * level + 1))
      table.append(record([level == depth - 1 ? -15 : 2 * level + 2, -1]))
      wanted = .opt(
        .record([
          CandidField(label: CandidLabel(id: 0), type: wanted),
          CandidField(label: CandidLabel(id: 1), type: .text),
        ]))
    }
    let text = leb128(900_000) + [UInt8](repeating: 65, count: 900_000)
    let opts = [UInt8](repeating: 1, count: depth)
    try expectLimit("large", message(table, 0, opts + text), as: [wanted])
    #expect(
      try CandidBinary.decode(message(table, 0, opts + [1, 65]), as: [wanted]) == [.opt(nil)])
  }
}
