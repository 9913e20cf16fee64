import Candid
import Cluster
import Testing
import WireProtocol

@testable import ScaledStorage

/// What clients are sent, in each representation.
@Suite struct BodyTests {
  private static let node = Principal.canister(number: 3)
  private static let forms: [Representation] = [.candid, .text, .json]

  private func readable(_ body: [UInt8], _ form: Representation) -> String {
    guard form == .candid else { return String(decoding: body, as: UTF8.self) }
    return body.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private static let problems = [
    """
    4449444c016c06b2ceef2f7a98abec810171ade2928e0471bae5a3e8047191c5fd80077182b2d5c5\
    0d7e0100f701094e6f7420726561647904627573790b61626f75743a626c616e6b09636f6d652062\
    61636b01
    """,
    """
    (record { status = 503 : nat16; title = "Not ready"; code = "busy"; "type" = "about:blank"; \
    detail = "come back"; retryable = true })\n
    """,
    """
    {"status":503,"title":"Not ready","code":"busy","type":"about:blank","detail":"come back",\
    "retryable":true}\n
    """,
  ]

  @Test("A problem is written in each representation", arguments: zip(forms, problems))
  func problem(form: Representation, known: String) {
    #expect(readable(Problem(503, "busy", "come back").body(form), form) == known)
  }

  private static let forwards = [
    "4449444c016b02fdb9e3e803719d85dbdd0568010001010a00000000000000030101",
    "(variant { NodeId = principal \"r7inp-6aaaa-aaaaa-aaabq-cai\" })\n",
    "{\"NodeId\":\"r7inp-6aaaa-aaaaa-aaabq-cai\"}\n",
  ]

  @Test("A forward response is written in each representation", arguments: zip(forms, forwards))
  func forward(form: Representation, known: String) {
    let answer = ForwardResponse.answer(
      owner: Self.node, address: "h:1", isSecure: false, target: "/kv/a", as: form)
    #expect(readable(answer.body, form) == known)
  }

  private static func body(_ arguments: [CandidValue], _ form: Representation) throws -> [UInt8] {
    switch form {
    case .candid: try CandidBinary.encode(arguments)
    case .text: CandidText.printCompact(arguments)
    case .json: CandidJSON.writeArguments(arguments)
    }
  }

  private static let results = [
    CandidValue.record(fields: ["data": .text("välue"), "from": .principal(node)])
  ]

  private static func result(_ form: Representation) throws -> [UInt8] {
    switch form {
    case .candid:
      try CandidBinary.encode(results, as: [.record(fields: ["data": .text, "from": .principal])])
    case .text: CandidText.printCompact(results) + [0x0a]
    case .json: CandidJSON.writeResults(results) + [0x0a]
    }
  }

  private func call(
    _ name: String, _ body: [UInt8], _ form: Representation
  ) throws -> KeyedCall {
    let request = CallRequest(
      method: name, httpMethod: "POST", path: "/" + name, isSecure: false, isUpdate: true)
    let setting = CallSetting(
      request: request, node: Self.node, now: 0, maximumValueBytes: 8)
    return try #require(Application.builtIn.methods[name]).read(body, form, setting)
  }

  @Test("get_data reads its key and writes the text, in each representation", arguments: forms)
  func getData(form: Representation) throws {
    let call = try call("get_data", Self.body([.text("käy")], form), form)
    #expect(call.key == Array("käy".utf8))
    guard case .get = call.command else {
      Issue.record("get_data is no read")
      return
    }
    let record = Record(version: Version(1), value: Array("välue".utf8))
    let written = try call.conclude(.value(record), Self.node, form)
    #expect(try written.body == Self.result(form))
    #expect(throws: Problem.self) {
      try call.conclude(
        .value(Record(version: Version(1), value: [0xff])), Self.node, form)
    }
    #expect(throws: Problem.self) { try call.conclude(.missing, Self.node, form) }
  }

  @Test(
    "update_data reads key and text and writes the text, in each representation", arguments: forms)
  func updateData(form: Representation) throws {
    let arguments: [CandidValue] = [.text("key"), .text("välue")]
    let call = try call("update_data", Self.body(arguments, form), form)
    #expect(call.key == Array("key".utf8))
    guard case .apply(.none, let change) = call.command,
      case .put(let value, .never) = change(nil)
    else {
      Issue.record("update_data is no write")
      return
    }
    #expect(value == Array("välue".utf8))
    let written = try call.conclude(.applied(Version(1)), Self.node, form)
    #expect(try written.body == Self.result(form))
  }

  @Test("Arguments that cannot be taken are refused, in each representation", arguments: forms)
  func badArguments(form: Representation) throws {
    for arguments in [
      [.text("key")], [.text("key"), .bool(true)], [.text(""), .text("")],
    ] as [[CandidValue]] {
      let body = try Self.body(arguments, form)
      #expect {
        _ = try call("update_data", body, form)
      } throws: {
        ($0 as? Problem)?.status == 400
      }
    }
    #expect(throws: Problem.self) { try call("update_data", Array("DIDL".utf8), form) }
  }

  @Test("A text that is too long changes nothing", arguments: forms)
  func tooLong(form: Representation) throws {
    let body = try Self.body([.text("key"), .text("123456789")], form)
    let call = try call("update_data", body, form)
    guard case .apply(.none, let change) = call.command, case .keep = change(nil) else {
      Issue.record("the text was taken")
      return
    }
    #expect {
      _ = try call.conclude(.applied(nil), Self.node, form)
    } throws: {
      ($0 as? Problem)?.status == 413
    }
  }
}
