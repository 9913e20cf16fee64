import Candid
import Cluster
import Testing

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

  @Test("scale takes and answers the bytes that it always did")
  func scale() throws {
    try check(
      ScaleRequest(action: .up, plan: true),
      """
      4449444c036c02b6f798b20101e9dbe8d204026b01fb94017f6e7e0100000101
      """)
    try check(
      ScaleResult(node: Self.node, nodes: 4, moves: 300, message: "m"),
      """
      4449444c026c04c2989763788294a8c80401c7ebc4d00971b1f0fafd09796e6801002c0100000000\
      000001010a00000000000000030101016d04000000
      """)
    try check(
      ScaleResult(node: nil, nodes: 4, moves: 300, message: ""),
      """
      4449444c026c04c2989763788294a8c80401c7ebc4d00971b1f0fafd09796e6801002c0100000000\
      0000000004000000
      """)
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
      4449444c0d6d016c04dbb70168eef0ecad040291ecada00871b4e3ade809086e036c13b2ceef2f04\
      aac1e24778b390e86171b8aaccb70106acbde2870206b1eebaf60272d38ed4ab0307c1c1cee20478\
      96fcf78a0678c99ad48e077898cec7e70771daddc6c00808acb1fb800906898890da0a71eb90e0ec\
      0b78dbffc6ff0c78c3c0b2b90d09ebfdb6b90d79a8a8e1890e7e6b07a8f7dc3205f4998ada017fd6\
      c9dbfc027fe5eee192037fc8bfe9f7057fc3a0a0cf077fecbfcfbd0c7f6b04e5eee1920371aec1e9\
      f70571e185b2870871f0eab09b0e716e686d716e716e0a6c05c99ad48e0778adefabb1080bfba2c0\
      e80878bbd0a48f0c71bd99b4dc0f786e0c6c05f4c39bb80478ead0a8bb0678a4d0d6b8097884dee1\
      fc0b78e3f184830d78010001010a0000000000000003010100096c61756e6368696e670103683a31
      """)
    let member = RingDescription.Member(id: Self.node, address: "h:1", state: "member")
    try check(
      RingDescription(
        epoch: 2, revision: 3, digest: "00ff", members: [member], joining: .canister(number: 4),
        isSettled: true),
      """
      4449444c056c06d9d9c0d30101f9c0a8bd027eb8cee2bc0504c99ad48e0778c48094a90b71dbffc6\
      ff0c786d026c03dbb7016891ecada00871b4e3ade809036e716e68010001010a0000000000000003\
      0101066d656d6265720103683a310101010a00000000000000040101020000000000000004303066\
      660300000000000000
      """)
  }
}
