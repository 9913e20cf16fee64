import Synchronization
import Testing

@testable import Candid

private struct Tree: Hashable, CandidRecord {
  var name: String
  var children: [Tree]

  static let candidFields = CandidFields(
    Tree.init(name:children:), CandidMember("name", \.name), CandidMember("children", \.children))
}

private indirect enum Expression: Hashable, CandidVariant {
  case number(UInt64)
  case negative(Expression)
  case sum([Expression])

  static let candidCases = CandidCases<Expression>(
    .case("number", Expression.number) { if case .number(let value) = $0 { value } else { nil } },
    .case("negative", Expression.negative) {
      if case .negative(let value) = $0 { value } else { nil }
    },
    .case("sum", Expression.sum) { if case .sum(let value) = $0 { value } else { nil } })
}

private struct Box<Value: CandidConvertible & Hashable>: Hashable, CandidRecord {
  var value: Value
  var flag: Bool

  static var candidFields: CandidFields<Box> {
    CandidFields(Box.init, CandidMember("value", \.value), CandidMember("flag", \.flag))
  }
}

/// Fields of all alignments, one without a size, and one that has to be released.
private struct Mixed: Hashable, CandidRecord {
  var small: UInt8
  var nothing: Empty
  var wide: UInt64
  var text: String
  var half: UInt16
  var list: [String]

  static let candidFields = CandidFields(
    Mixed.init(small:nothing:wide:text:half:list:), CandidMember("small", \.small),
    CandidMember("nothing", \.nothing), CandidMember("wide", \.wide),
    CandidMember("text", \.text), CandidMember("half", \.half), CandidMember("list", \.list))
}

private struct Empty: Hashable, CandidRecord {
  static let candidFields = CandidFields(Empty.init)
}

/// Types that all contain one another, a step apart.
private struct Knot<Tag: Sendable>: CandidRecord {
  static var candidFields: CandidFields<Knot> {
    CandidFields(
      { _, _, _, _ in Knot() }, CandidMember("a", \.a), CandidMember("b", \.b),
      CandidMember("c", \.c), CandidMember("d", \.d))
  }
  var a: [Knot<UInt8>] { [] }
  var b: [Knot<UInt16>] { [] }
  var c: [Knot<UInt32>] { [] }
  var d: [Knot<UInt64>] { [] }
}

/// Counts the values that live.
private final class Counted: CandidConvertible {
  static let alive = Atomic(0)
  let number: UInt8

  init(_ number: UInt8) {
    self.number = number
    Self.alive.add(1, ordering: .relaxed)
  }

  deinit { Self.alive.subtract(1, ordering: .relaxed) }

  static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .nat8 }
  func encode(into encoder: inout CandidEncoder) { encoder.write(fixed: number) }

  convenience init(from decoder: inout CandidDecoder) throws(CandidError) {
    let number: UInt8 = try decoder.fixed()
    guard number < 100 else { throw CandidError(.typeMismatch, "\(number) is too much") }
    self.init(number)
  }
}

private struct Crew: CandidRecord {
  var first: Counted
  var second: Counted
  var third: Counted

  static let candidFields = CandidFields(
    Crew.init, CandidMember("first", \.first), CandidMember("second", \.second),
    CandidMember("third", \.third))
}

/// Writes what is next in a list each time it is asked, at its end the last of them or a failure.
private final class Changing: CandidConvertible {
  private let texts: [String]
  private let calls = Atomic(0)

  private let mayFail: Bool

  init(_ texts: [String], mayFail: Bool = false) {
    self.texts = texts
    self.mayFail = mayFail
  }

  static func candidType(in _: inout CandidTypeBuilder) -> CandidType { .text }

  func encode(into encoder: inout CandidEncoder) throws(CandidError) {
    let (call, _) = calls.add(1, ordering: .relaxed)
    encoder.write(text: texts[min(call, texts.count - 1)])
    if mayFail, call >= texts.count { throw CandidError(.typeMismatch, "asked once more") }
  }

  convenience init(from decoder: inout CandidDecoder) throws(CandidError) {
    self.init([try decoder.text()])
  }
}

@Suite("Users' own types")
struct UserTypeTests {
  private func expectReturn<Value: CandidConvertible & Equatable>(_ value: Value) throws {
    let message = try CandidArguments.encode(value)
    #expect(try CandidArguments.decode(message, as: Value.self) == value)
    let signature = try CandidArguments.signature(of: Value.self)
    let values = try CandidBinary.decode(message, as: signature)
    #expect(try CandidBinary.encode(values, as: signature) == message)
    #expect(try CandidArguments.convert(values, to: Value.self) == value)
    // Behind one more type in its table, the message has to be coerced.
    let other = try CandidArguments.encode([Empty()], value)
    let (_, again) = try CandidArguments.decode(other, as: CandidNatural?.self, Value.self)
    #expect(again == value)
  }

  @Test("come back")
  func roundTrips() throws {
    let leaf = Tree(name: "leaf", children: [])
    try expectReturn(Tree(name: "root", children: [leaf, Tree(name: "", children: [leaf])]))
    try expectReturn(Expression.sum([.number(1), .negative(.number(2)), .sum([])]))
    try expectReturn(Box(value: Box(value: [UInt16(1), 2], flag: true), flag: false))
    try expectReturn(Box(value: "text", flag: true))
    try expectReturn(
      Mixed(small: 1, nothing: Empty(), wide: .max, text: "a", half: 2, list: ["b", ""]))
    try expectReturn([Empty(), Empty()])
    try expectReturn([CandidPair("a", UInt64(1)), CandidPair("b", 2)])
    try expectReturn([CandidPair(CandidTextSlice("a"), ArraySlice<UInt8>([1, 2]))])
    try expectReturn(["a": [UInt8(1)], "b": []])
    try expectReturn([Int8?.none, .some(-1)])
    try expectReturn([Bool](repeating: true, count: 1_000))
    try expectReturn([Principal.anonymous, .management, .canister(number: .max)])
    try expectReturn([CandidInteger(-5), CandidInteger(UInt64.max)])
    try expectReturn(CandidNatural(.max))
  }

  @Test(
    "texts and blobs of every short size come back, and those at the bounds of their counts",
    arguments: Array(0...140) + [16_382, 16_383, 16_384, 16_385, 2_097_151, 2_097_152])
  func sizes(_ byteCount: Int) throws {
    let blob = (0..<byteCount).map { UInt8(truncatingIfNeeded: 0x21 + $0 % 0x50) }
    let text = String(decoding: blob, as: UTF8.self)
    // Others around it would show a byte too many, or one too few.
    try expectReturn([CandidPair("<", text), CandidPair(text, ">")])
    try expectReturn([blob, [0xff], blob])
  }

  @Test("that nest too deeply are refused, both ways")
  func depth() throws {
    var tree = Tree(name: "", children: [])
    var expression = Expression.number(0)
    for _ in 0..<1_018 {
      tree = Tree(name: "", children: [tree])
      expression = .negative(expression)
    }
    let (trees, expressions) = (
      try CandidArguments.encode(tree), try CandidArguments.encode(expression)
    )
    let lower = CandidLimits(depth: 100)
    #expect(throws: CandidError.self) {
      try CandidArguments.decode(trees, limits: lower, as: Tree.self)
    }
    #expect(throws: CandidError.self) {
      try CandidArguments.decode(expressions, limits: lower, as: Expression.self)
    }
    for _ in 0..<10 {
      tree = Tree(name: "", children: [tree])
      expression = .negative(expression)
    }
    let (deepTree, deepExpression) = (tree, expression)
    #expect(throws: CandidError.self) { try CandidArguments.encode(deepTree) }
    #expect(throws: CandidError.self) { try CandidArguments.encode(deepExpression) }
  }

  @Test("are described once each, however they contain one another")
  func description() throws {
    let knot = try CandidArguments.signature(of: Knot<UInt8>.self, Knot<UInt64>.self)
    // Four records, and four vecs of them.
    #expect(knot.table.entries.count == 8)
    let trees = try CandidArguments.signature(of: Tree.self, Tree.self, [Tree].self)
    #expect(trees.table.entries.count == 2)
    let names = try CandidArguments.signature(of: Box<UInt8>.self, Box<UInt16>.self)
    #expect(names.table.entries.count == 2)
  }

  @Test("are released once each, also when a later field is refused", .serialized, arguments: 0...3)
  func release(_ refused: Int) throws {
    let before = Counted.alive.load(ordering: .relaxed)
    do {
      let numbers = (0..<3).map { Counted($0 == refused ? 200 : 1) }
      let crew = Crew(first: numbers[0], second: numbers[1], third: numbers[2])
      let message = try CandidArguments.encode([crew, crew])
      let crews = try? CandidArguments.decode(message, as: [Crew].self)
      #expect((crews == nil) == (refused < 3))
    }
    #expect(Counted.alive.load(ordering: .relaxed) == before)
  }

  @Test(
    "that write other bytes the second time are refused",
    arguments: [(600, 601), (600, 599), (600, 100), (600, 5_000), (5_000, 600)])
  func changing(_ first: Int, _ second: Int) throws {
    // What is written before sets the size that is tried first.
    for size in [0, 600, 10_000] {
      _ = try CandidArguments.encode(Changing([String(repeating: "z", count: size)]))
      let value = Changing([first, second].map { String(repeating: "x", count: $0) })
      let message = Result { try CandidArguments.encode(value) }
      guard case .success(let bytes) = message else { continue }
      let text = try CandidArguments.decode(bytes, as: String.self)
      #expect(text.utf8.count == first)
    }
    let value = Changing([first, second].map { String(repeating: "x", count: $0) })
    _ = try CandidArguments.encode(Changing([""]))
    let error = #expect(throws: CandidError.self) { try CandidArguments.encode(value) }
    #expect(error?.code == .limitExceeded)
  }

  @Test("that fail the second time, after as many bytes, fail")
  func failingLater() throws {
    _ = try CandidArguments.encode(Changing([""]))
    let value = Changing([String(repeating: "x", count: 600)], mayFail: true)
    let error = #expect(throws: CandidError.self) { try CandidArguments.encode(value) }
    #expect(error?.message == "asked once more")
  }

  @Test("slices outlive the message they were read from")
  func slices() throws {
    var slices: [(CandidTextSlice, ArraySlice<UInt8>)] = []
    for number in 0..<100 {
      var message = try CandidArguments.encode(
        "text \(number)", [UInt8](repeating: 7, count: number))
      slices.append(
        try CandidArguments.decode(message, as: CandidTextSlice.self, ArraySlice<UInt8>.self))
      for index in message.indices { message[index] = 0 }
    }
    for (number, (text, blob)) in slices.enumerated() {
      #expect(String(text) == "text \(number)")
      #expect(blob.elementsEqual([UInt8](repeating: 7, count: number)))
    }
  }

  @Test("of equal keys the last one counts")
  func equalKeys() throws {
    let pairs = [CandidPair("a", UInt8(1)), CandidPair("b", 2), CandidPair("a", 3)]
    let message = try CandidArguments.encode(pairs)
    let values = try CandidArguments.decode(message, as: [String: UInt8].self)
    #expect(values == ["a": 3, "b": 2])
  }

  @Test("messages of many senders are read by their own plans, by several threads at once")
  func plans() async throws {
    let signature = try CandidSignature([.record(fields: ["a": .int, "b": .opt(.text)])])
    // Each sender has further fields of its own, so that there are more headers than plans kept.
    let messages = try (0..<24).map { sender in
      var fields = [
        CandidFieldValue("a", .nat(CandidInteger(Int64(sender)))),
        CandidFieldValue("b", sender % 2 == 0 ? .text("\(sender)") : .bool(true)),
      ]
      for extra in 0..<sender {
        fields.append(
          CandidFieldValue(label: CandidLabel(id: UInt32(200 + extra)), value: .nat8(1)))
      }
      return try CandidBinary.encode([.record(fields.sorted { $0.label < $1.label })])
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<4 {
        group.addTask {
          for round in 0..<200 {
            let sender = (round * (task + 1)) % messages.count
            let text = sender % 2 == 0 ? CandidValue.text("\(sender)") : nil
            let expected = CandidValue.record(
              fields: ["a": .int(CandidInteger(Int64(sender))), "b": .opt(text)])
            let values = try CandidBinary.decode(messages[sender], as: signature)
            #expect(values == [expected])
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("signatures are made by several threads at once, and are the same afterwards")
  func signatures() async throws {
    await withTaskGroup(of: [UInt8]?.self) { group in
      for _ in 0..<8 {
        group.addTask {
          try? CandidArguments.encode(Box(value: Box(value: UInt32(7), flag: true), flag: false))
        }
      }
      var messages: Set<[UInt8]?> = []
      for await message in group { messages.insert(message) }
      #expect(messages.count == 1 && !messages.contains(nil))
    }
  }
}
