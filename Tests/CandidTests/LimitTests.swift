import Testing

@testable import Candid

@Suite("Hostile input")
struct LimitTests {
  private func message(_ table: [UInt8], _ rest: [UInt8]) -> [UInt8] {
    BinaryHeader.magic + table + rest
  }

  private func expectRefusal(
    _ message: [UInt8], _ code: CandidError.Code, as types: [CandidType]? = nil
  ) throws {
    let error = #expect(throws: CandidError.self) {
      if let types {
        try CandidBinary.decode(message, as: types)
      } else {
        try CandidBinary.decode(message)
      }
    }
    #expect(error?.code == code, "\(String(describing: error))")
    #expect(error?.offset != nil)
  }

  @Test("a billion nulls, or empty records, in a few bytes are refused")
  func billions() throws {
    let billion: [UInt8] = [0x80, 0x94, 0xeb, 0xdc, 0x03]
    let nulls = message([1, 0x6d, 0x7f], [1, 0] + billion)
    try expectRefusal(nulls, .limitExceeded)
    try expectRefusal(nulls, .limitExceeded, as: [.vec(.null)])
    try expectRefusal(nulls, .limitExceeded, as: [.vec(.opt(.nat))])
    try expectRefusal(nulls, .limitExceeded, as: [])
    try expectRefusal(message([2, 0x6d, 1, 0x6c, 0], [1, 0] + billion), .limitExceeded)
    try expectRefusal(message([1, 0x6d, 0x7b], [1, 0] + billion), .malformed)
  }

  @Test("records that double in size with each level are refused")
  func doubling() throws {
    var table: [UInt8] = [40]
    for level in 1..<40 { table += [0x6c, 2, 0, UInt8(level), 1, UInt8(level)] }
    table += [0x6c, 0]
    try expectRefusal(message(table, [1, 0]), .limitExceeded)
  }

  @Test("endless types and values are refused")
  func endless() throws {
    try expectRefusal(message([1, 0x6c, 1, 0, 0], [1, 0]), .limitExceeded)
    let options = [UInt8](repeating: 1, count: 100_000)
    try expectRefusal(message([1, 0x6e, 0], [1, 0] + options), .limitExceeded)
    try expectRefusal(message([1, 0x6d, 0], [1, 0] + options), .limitExceeded, as: [])
    let environment = CandidTypeEnvironment(["T": .opt(.named("T"))])
    #expect(throws: CandidError.self) {
      try CandidBinary.decode(
        message([0], [1, 0x7d, 5]), as: CandidSignature([.named("T")], in: environment))
    }
  }

  @Test("a large type table, or a number of many digits, is refused")
  func sizes() throws {
    try expectRefusal(message([0xff, 0xff, 0x7f], []), .limitExceeded)
    try expectRefusal(message([1, 0x6c, 0xff, 0xff, 0xff, 0x7f], []), .limitExceeded)
    let digits = [UInt8](repeating: 0xff, count: 70_000) + [0]
    try expectRefusal(message([0], [1, 0x7d] + digits), .limitExceeded)
    let decimal = "(" + String(repeating: "9", count: 150_000) + ")"
    #expect(throws: CandidError.self) { try CandidText.parseArguments(decimal, as: [.nat]) }
  }

  @Test("text and JSON nested too deeply are refused", arguments: [1_500, 200_000])
  func nesting(_ depth: Int) throws {
    func nested(_ open: String, _ close: String) -> String {
      String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
    }
    for text in [nested("(", ")"), nested("(opt ", ")"), nested("vec {", "}")] {
      let error = #expect(throws: CandidError.self) { try CandidText.parseArguments("(\(text))") }
      #expect(error?.code == .limitExceeded)
    }
    let signature = try CandidSignature([.reserved])
    for json in [nested("[", "]"), nested("{\"a\":", "}")] {
      let error = #expect(throws: CandidError.self) {
        try CandidJSON.readArguments(Array(json.utf8), as: signature)
      }
      #expect(error?.code == .limitExceeded)
    }
    #expect(throws: CandidError.self) { try CandidText.parseType(nested("opt ", "")) }
  }

  @Test("linked lists are read up to the depth allowed, and no further", arguments: [510, 600])
  func linkedLists(_ count: Int) throws {
    let environment = try CandidInterface(
      parsing: "type List = opt record { head : nat; tail : List };"
    ).environment
    let signature = try CandidSignature([.named("List")], in: environment)
    var types = signature.header
    types += [UInt8](repeating: 1, count: 2 * count) + [0]
    guard count > 512 else {
      let list = try CandidBinary.decode(types, as: signature)
      #expect(try CandidBinary.encode(list, as: signature) == types)
      #expect(try CandidBinary.decode(types) == list)
      return
    }
    try expectRefusal(types, .limitExceeded)
    let deeper = CandidLimits(depth: 2 * count + 2)
    #expect(try CandidBinary.decode(types, as: signature, limits: deeper).count == 1)
  }

  /// Values, and the messages they make, for the fuzzer to damage.
  private func seeds() throws -> [(signature: CandidSignature, message: [UInt8])] {
    try Vectors.load("vectors.json", of: Vectors.Encoding.self).map { row in
      let environment = try CandidInterface(parsing: row.defs).environment
      let signature = try CandidSignature(CandidText.parseTypes(row.type), in: environment)
      return (signature, bytes(row.hex))
    }
  }

  @Test("damaged messages are read or refused, and what is read can be sent again")
  func damagedMessages() throws {
    var random = SplitMix64(state: 0x5ca1_ab1e)
    let seeds = try seeds()
    let limits = CandidLimits(cost: 20_000)
    for _ in 0..<8_000 {
      let seed = seeds[Int(random.next() % UInt64(seeds.count))]
      var message = seed.message
      for _ in 0...random.next() % 3 { random.damage(&message) }
      _ = try? CandidBinary.decode(message, limits: limits)
      guard let values = try? CandidBinary.decode(message, as: seed.signature, limits: limits)
      else { continue }
      let again = try CandidBinary.encode(values, as: seed.signature)
      // The bytes are compared, for NaN differs from itself.
      let same = try CandidBinary.decode(again, as: seed.signature)
      #expect(try CandidBinary.encode(same, as: seed.signature) == again)
    }
  }

  @Test("damaged text, types and JSON are read or refused")
  func damagedText() throws {
    var random = SplitMix64(state: 0xc0ff_ee11)
    let rows = try Vectors.load("vectors.json", of: Vectors.Encoding.self)
    for _ in 0..<3_000 {
      let row = rows[Int(random.next() % UInt64(rows.count))]
      let environment = try CandidInterface(parsing: row.defs).environment
      let signature = try CandidSignature(CandidText.parseTypes(row.type), in: environment)
      var text = Array(row.value.utf8)
      let values = try CandidText.parseArguments(text, as: signature)
      var json = CandidJSON.writeArguments(values)
      #expect(try CandidJSON.readArguments(json, as: signature) == values)
      var types = Array(row.type.utf8)
      for _ in 0...random.next() % 3 {
        random.damage(&text)
        random.damage(&json)
        random.damage(&types)
      }
      _ = try? CandidText.parseArguments(text, as: signature)
      _ = try? CandidText.parseArguments(String(decoding: text, as: UTF8.self))
      _ = try? CandidJSON.readArguments(json, as: signature)
      _ = try? CandidText.parseTypes(String(decoding: types, as: UTF8.self))
    }
  }
}

/// A generator with a fixed seed, so that a failure comes back (Steele et al., 2014).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  mutating func damage(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return bytes.append(UInt8(truncatingIfNeeded: next())) }
    let index = Int(next() % UInt64(bytes.count))
    switch next() % 5 {
    case 0: bytes[index] = UInt8(truncatingIfNeeded: next())
    case 1: bytes[index] ^= 1 << UInt8(next() % 8)
    case 2: bytes.remove(at: index)
    case 3: bytes.insert(bytes[Int(next() % UInt64(bytes.count))], at: index)
    default: bytes.removeSubrange(index..<min(bytes.count, index + Int(next() % 8)))
    }
  }
}
