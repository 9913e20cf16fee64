import Candid
import Cluster
import Testing
import WireProtocol

@testable import Gateway

/// Commands and nodes of other versions read what the gateway writes: the bytes stay.
@Suite struct WireFormTests {
  private static let node = Principal.canister(number: 3)

  private func check<Value: CandidConvertible>(
    _ value: Value, _ known: String, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let bytes = try CandidArguments.encode(value)
    let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(digits == known, sourceLocation: location)
    let read = try CandidArguments.decode(bytes, as: Value.self)
    #expect(try CandidArguments.encode(read) == bytes, sourceLocation: location)
  }

  private func bytes(_ digits: String) -> [UInt8] {
    stride(from: 0, to: digits.utf8.count, by: 2).compactMap { offset in
      UInt8(digits.dropFirst(offset).prefix(2), radix: 16)
    }
  }

  @Test("scale takes and answers the bytes that it always did")
  func scale() throws {
    try check(
      ScaleRequest(action: .up, plan: true, count: nil, nodes: nil),
      """
      4449444c066c04b6f798b20101e9dbe8d20402cf898dd30403b1f0fafd09046b059b93017ffb9401\
      7f82c99cea027f98f78e97077f9ac3a1e60e7f6e7e6e796e056d7101000101010000
      """)
    try check(
      ScaleRequest(action: .drain, plan: nil, count: 2, nodes: ["3"]),
      """
      4449444c066c04b6f798b20101e9dbe8d20402cf898dd30403b1f0fafd09046b059b93017ffb9401\
      7f82c99cea027f98f78e97077f9ac3a1e60e7f6e7e6e796e056d7101000300010200000001010133
      """)
    let share = ScaleResult.Share(
      node: Self.node, role: "member", keys: 1, bytes: 2, keysAfter: 3, bytesAfter: 4)
    try check(
      ScaleResult(
        node: Self.node, nodes: 4, moves: 300, message: "m", bytes: 5, joining: [Self.node],
        leaving: [], shares: [share], warning: "w"),
      """
      4449444c096c09dcb4af4e01c298976378f4939caa0102b4bdade901048294a8c80407b8cee2bc05\
      02c7ebc4d00971b1f0fafd0979eb90e0ec0b086e716e036d686e056d066c0688b0c1b20278f4c39b\
      b804788294a8c80468f6d6bbdd0471d1fc91c70678eb90e0ec0b786e686e7801000101772c010000\
      000000000100010104000000000000000100000000000000010a00000000000000030101066d656d\
      6265720300000000000000020000000000000001010a000000000000000301010101010a00000000\
      000000030101016d04000000010500000000000000
      """)
  }

  @Test("What clients of earlier versions send to scale is read")
  func earlierRequest() throws {
    let request = try CandidArguments.decode(
      bytes("4449444c036c02b6f798b20101e9dbe8d204026b01fb94017f6e7e0100000101"),
      as: ScaleRequest.self)
    #expect(request.action == .up)
    #expect(request.plan == true && request.count == nil && request.nodes == nil)
  }

  @Test("Clients of earlier versions read what scale and ring answer")
  func earlierReaders() throws {
    let scaled = try CandidArguments.encode(
      ScaleResult(
        node: Self.node, nodes: 4, moves: 300, message: "m", bytes: 5, joining: [], leaving: [],
        shares: [], warning: nil))
    let result = try CandidArguments.decode(scaled, as: EarlierScaleResult.self)
    #expect(result.node == Self.node && result.nodes == 4)
    #expect(result.moves == 300 && result.message == "m")
    let listed = try CandidArguments.encode(Self.ring)
    let ring = try CandidArguments.decode(listed, as: EarlierRing.self)
    #expect(ring.epoch == 2 && ring.joining == .canister(number: 4) && ring.isSettled)
  }

  @Test("What gateways of earlier versions answered to scale is read")
  func earlierResult() throws {
    let result = try CandidArguments.decode(
      bytes(
        "4449444c026c04c2989763788294a8c80401c7ebc4d00971b1f0fafd09796e6801002c0100000000"
          + "000001010a00000000000000030101016d04000000"), as: ScaleResult.self)
    #expect(result.node == Self.node && result.nodes == 4 && result.moves == 300)
    #expect(result.bytes == nil && result.joining == nil && result.shares == nil)
  }

  @Test("What gateways of earlier versions answered to ring is read")
  func earlierRing() throws {
    let ring = try CandidArguments.decode(
      bytes(
        """
        4449444c096c09d9d9c0d30101f9c0a8bd027eb8cee2bc0504c99ad48e0778c48094a90b71f0a2ca\
        bb0b05dbffc6ff0c78a1b4ccc40d03e7c7a2d40f086d026c03dbb7016891ecada00871b4e3ade809\
        036e716e686e066c0bf4939caa0107f4c39bb80478ccceefe20471b8cee2bc0507ead0a8bb0678c9\
        9ad48e0778fba2c0e80878a4d0d6b8097884dee1fc0b78e3f184830d78bcc7b3b60e7e6d686e0701\
        0001010a00000000000000030101066d656d6265720103683a310101010a00000000000000040101\
        020000000000000004303066660100020000000000000007636f7079696e6701010a000000000000\
        00040101060000000000000003000000000000000300000000000000050000000000000004000000\
        0000000001000000000000000003000000000000000101660101010a00000000000000030101
        """), as: RingDescription.self)
    #expect(ring.digest == Self.ring.digest && ring.change?.sentKeys == 3)
    #expect(ring.placement == nil)
  }

  @Test("A request to scale need not say whether it is a plan")
  func scaleWithoutPlan() throws {
    let up = CandidValue.record(fields: ["action": .variant("Up")])
    let body = try CandidBinary.encode([up])
    #expect(try CandidArguments.decode(body, as: ScaleRequest.self).plan == nil)
  }

  @Test("nodes and ring answer the bytes that they always did")
  func listings() throws {
    try check(
      [NodeEntry(id: Self.node, address: "h:1", state: "launching", info: nil)],
      """
      4449444c116d016c04dbb70168eef0ecad040291ecada00871b4e3ade8090c6e036c19b2ceef\
      2f04aac1e24778b390e86171b8aaccb70106acbde2870206b1eebaf60272d38ed4ab0307b3f1\
      bac30408c1c1cee2047896fcf78a06789fd1bcfa0609c99ad48e077898cec7e70771daddc6c0\
      080cacb1fb800906ceecefdf0908898890da0a71eb90e0ec0b78e6fdfdbb0c08dbffc6ff0c78\
      c3c0b2b90d0debfdb6b90d79a8a8e1890e7efad5d6ec0e0ce0e9ddc00f086b07a8f7dc3205f4\
      998ada017fd6c9dbfc027fe5eee192037fc8bfe9f7057fc3a0a0cf077fecbfcfbd0c7f6b04e5\
      eee1920371aec1e9f70571e185b2870871f0eab09b0e716e686d716e786e0a6d0b6c04e9a19f\
      217895e4ed880478f6c6939e0478cbe4fdc704716e716e0e6c05c99ad48e0778adefabb1080f\
      fba2c0e80878bbd0a48f0c71bd99b4dc0f786e106c05f4c39bb80478ead0a8bb0678a4d0d6b8\
      097884dee1fc0b78e3f184830d78010001010a0000000000000003010100096c61756e636869\
      6e670103683a31
      """)
    try check(
      Self.ring,
      """
      4449444c126c0ad9d9c0d30101f9c0a8bd027ee5d3ba8d0304b8cee2bc050dc99ad48e0778c48094\
      a90b71f0a2cabb0b0edbffc6ff0c78a1b4ccc40d03e7c7a2d40f116d026c03dbb7016891ecada008\
      71b4e3ade809036e716e056c0984a9c90206eefacfcf0108c99ad48e0778a2becae00809ba82ec9d\
      0c79dbffc6ff0c78b0f7d7ae0f03c7c4ebbf0f0bb79ebaec0f7b6d076b02d7c9822c688ac0f98903\
      686d7b6d0a6c028294a8c80468b4e3ade809716e0c6d086e686e0f6c0bf4939caa0110f4c39bb804\
      78ccceefe20471b8cee2bc0510ead0a8bb0678c99ad48e0778fba2c0e80878a4d0d6b8097884dee1\
      fc0b78e3f184830d78bcc7b3b60e7e6d686e10010001010a00000000000000030101066d656d6265\
      720103683a31010001010a0000000000000004010102000000000000000430306666010002000000\
      0000000007636f7079696e6701010a00000000000000040101060000000000000003000000000000\
      00030000000000000005000000000000000400000000000000010000000000000000030000000000\
      00000101660101010a00000000000000030101
      """)
  }

  private static let ring = RingDescription(
    epoch: 2, revision: 3, digest: "00ff",
    members: [RingDescription.Member(id: node, address: "h:1", state: "member")],
    joining: .canister(number: 4), isSettled: true,
    change: ChangeDescription(
      joining: [.canister(number: 4)], leaving: [], epoch: 3, step: "copying", isDecided: false,
      scannedKeys: 1, keys: 2, sentKeys: 3, sentBytes: 4, expectedBytes: 5, bytesPerSecond: 6),
    ending: [node], lastFailure: "f")
}

/// The answers as earlier versions know them.
private struct EarlierScaleResult: CandidRecord {
  var node: Principal?
  var nodes: UInt32
  var moves: UInt64
  var message: String

  static let candidFields = CandidFields(
    EarlierScaleResult.init(node:nodes:moves:message:),
    CandidMember("node", \.node), CandidMember("nodes", \.nodes), CandidMember("moves", \.moves),
    CandidMember("message", \.message))
}

private struct EarlierRing: CandidRecord {
  var epoch: UInt64
  var joining: Principal?
  var isSettled: Bool

  static let candidFields = CandidFields(
    EarlierRing.init(epoch:joining:isSettled:), CandidMember("epoch", \.epoch),
    CandidMember("joining", \.joining), CandidMember("settled", \.isSettled))
}
