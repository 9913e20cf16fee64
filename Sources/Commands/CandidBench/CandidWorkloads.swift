import Candid

/// One figure of `bench candid`: something done over and over.
struct CandidWorkload {
  /// What the message is, and what is done with it.
  let message: String
  let work: String
  /// Bytes of the message.
  let byteCount: Int
  /// Does it a number of times. What it returns keeps the work from being optimised away.
  let run: (Int) throws(CandidError) -> Int
}

/// The messages that are measured: the smallest there is, a report, a chunk of keys on their way, a
/// large value, and many numbers.
enum CandidWorkloads {
  static func all() throws(CandidError) -> [CandidWorkload] {
    var workloads: [CandidWorkload] = []
    workloads += try texts()
    workloads += try nodeInfo()
    workloads += try chunk()
    workloads += try blob()
    workloads += try numbers()
    return workloads
  }

  private static func texts() throws(CandidError) -> [CandidWorkload] {
    let key = "key-0001"
    let value = "value-000001"
    let message = try CandidArguments.encode(key, value)
    return try [
      work("(text, text)", "encode", message) { () throws(CandidError) in
        try CandidArguments.encode(key, value).count
      },
      work("(text, text)", "decode", message) { () throws(CandidError) in
        let (key, value) = try CandidArguments.decode(message, as: String.self, String.self)
        return key.utf8.count + value.utf8.count
      },
    ]
      + general(
        "(text, text)", message, as: CandidArguments.signature(of: String.self, String.self))
  }

  private static func nodeInfo() throws(CandidError) -> [CandidWorkload] {
    let info = BenchNodeInfo.sample
    let message = try CandidArguments.encode(info)
    let other = try CandidArguments.encode(YoungerNodeInfo(info))
    return try [
      work("node_info", "encode", message) { () throws(CandidError) in
        try CandidArguments.encode(info).count
      },
      work("node_info", "decode", message) { () throws(CandidError) in
        try CandidArguments.decode(message, as: BenchNodeInfo.self).allNodes.count
      },
      work("node_info", "decode, sender has more fields", other) { () throws(CandidError) in
        try CandidArguments.decode(other, as: BenchNodeInfo.self).allNodes.count
      },
    ] + general("node_info", message, as: CandidArguments.signature(of: BenchNodeInfo.self))
  }

  private static func chunk() throws(CandidError) -> [CandidWorkload] {
    let pairs = (0..<100).map { index in
      CandidPair(text(index, 32), text(index, 128))
    }
    let chunk = BenchChunk(data: pairs)
    let message = try CandidArguments.encode(chunk)
    return try [
      work("100 pairs", "encode", message) { () throws(CandidError) in
        try CandidArguments.encode(chunk).count
      },
      work("100 pairs", "decode as slices", message) { () throws(CandidError) in
        try CandidArguments.decode(message, as: BenchChunkSlices.self).data.count
      },
      work("100 pairs", "decode as strings", message) { () throws(CandidError) in
        try CandidArguments.decode(message, as: BenchChunk.self).data.count
      },
    ] + general("100 pairs", message, as: CandidArguments.signature(of: BenchChunk.self))
  }

  private static func blob() throws(CandidError) -> [CandidWorkload] {
    let blob = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let message = try CandidArguments.encode(blob)
    return try [
      work("1 MiB blob", "encode", message) { () throws(CandidError) in
        try CandidArguments.encode(blob).count
      },
      work("1 MiB blob", "decode", message) { () throws(CandidError) in
        try CandidArguments.decode(message, as: [UInt8].self).count
      },
      work("1 MiB blob", "decode as a slice", message) { () throws(CandidError) in
        try CandidArguments.decode(message, as: ArraySlice<UInt8>.self).count
      },
    ] + general("1 MiB blob", message, as: CandidArguments.signature(of: [UInt8].self))
  }

  private static func numbers() throws(CandidError) -> [CandidWorkload] {
    let numbers = (0..<10_000).map { UInt64($0) &* 0x9e37_79b9_7f4a_7c15 }
    let message = try CandidArguments.encode(numbers)
    return try [
      work("10,000 nat64", "encode", message) { () throws(CandidError) in
        try CandidArguments.encode(numbers).count
      },
      work("10,000 nat64", "decode", message) { () throws(CandidError) in
        try CandidArguments.decode(message, as: [UInt64].self).count
      },
    ] + general("10,000 nat64", message, as: CandidArguments.signature(of: [UInt64].self))
  }

  /// The same message as data that carries its own form, which a program without the types uses.
  private static func general(
    _ name: String, _ message: [UInt8], as signature: CandidSignature
  ) throws(CandidError) -> [CandidWorkload] {
    let values = try CandidBinary.decode(message, as: signature)
    return [
      work(name, "encode CandidValue", message) { () throws(CandidError) in
        try CandidBinary.encode(values, as: signature).count
      },
      work(name, "decode CandidValue", message) { () throws(CandidError) in
        try CandidBinary.decode(message, as: signature).count
      },
    ]
  }

  private static func work(
    _ message: String, _ work: String, _ bytes: [UInt8],
    _ once: @escaping () throws(CandidError) -> Int
  ) -> CandidWorkload {
    CandidWorkload(message: message, work: work, byteCount: bytes.count) {
      (times) throws(CandidError) in
      var sum = 0
      for _ in 0..<times { sum &+= try once() }
      return sum
    }
  }

  private static func text(_ seed: Int, _ count: Int) -> String {
    String(decoding: (0..<count).map { UInt8(97 + (seed &* 7 &+ $0) % 26) }, as: UTF8.self)
  }
}

/// `node_info` as the first clients know it.
private struct BenchNodeInfo: CandidRecord {
  enum Status: String, CaseIterable, CandidVariant {
    case initialized = "Initialized"
    case ready = "Ready"
    case migrating = "Migrating"

    static let candidCases = CandidCases<Status>(
      allCases.map { .case(CandidLabel($0.rawValue), $0) })
  }

  var allNodes: [String]
  var previous: Principal?
  var next: Principal?
  var status: Status
  var cycles: UInt64

  static let candidFields = CandidFields(
    BenchNodeInfo.init, CandidMember("all_nodes", \.allNodes),
    CandidMember("prev_node_id", \.previous),
    CandidMember("next_node_id", \.next), CandidMember("status", \.status),
    CandidMember("cycles_balance", \.cycles))

  static let sample = BenchNodeInfo(
    allNodes: (1...6).map { Principal.canister(number: $0).text },
    previous: .canister(number: 1), next: .canister(number: 3), status: .ready,
    cycles: 1_000_000_007)
}

/// The same from a sender that knows more.
private struct YoungerNodeInfo: CandidRecord {
  var allNodes: [String]
  var previous: Principal?
  var next: Principal?
  var status: BenchNodeInfo.Status
  var cycles: UInt64
  var size: UInt64
  var version: String

  init(_ info: BenchNodeInfo) {
    self.init(info.allNodes, info.previous, info.next, info.status, info.cycles, 1_000, "2.0")
  }

  init(
    _ allNodes: [String], _ previous: Principal?, _ next: Principal?,
    _ status: BenchNodeInfo.Status, _ cycles: UInt64, _ size: UInt64, _ version: String
  ) {
    self.allNodes = allNodes
    self.previous = previous
    self.next = next
    self.status = status
    self.cycles = cycles
    self.size = size
    self.version = version
  }

  static let candidFields = CandidFields(
    YoungerNodeInfo.init(_:_:_:_:_:_:_:), CandidMember("all_nodes", \.allNodes),
    CandidMember("prev_node_id", \.previous),
    CandidMember("next_node_id", \.next), CandidMember("status", \.status),
    CandidMember("cycles_balance", \.cycles),
    CandidMember("size", \.size), CandidMember("version", \.version))
}

/// Keys and values on their way.
private struct BenchChunk: CandidRecord {
  var data: [CandidPair<String, String>]

  static let candidFields = CandidFields(BenchChunk.init, CandidMember("data", \.data))
}

private struct BenchChunkSlices: CandidRecord {
  var data: [CandidPair<CandidTextSlice, CandidTextSlice>]

  static let candidFields = CandidFields(BenchChunkSlices.init, CandidMember("data", \.data))
}
