import Testing

@testable import Candid

@Suite("The first clients' types")
struct SeedTypeTests {
  private let interface: CandidInterface

  init() throws { interface = try CandidInterface(parsing: seedInterface) }

  private func signature(_ types: String) throws -> CandidSignature {
    try CandidSignature(CandidText.parseTypes(types), in: interface.environment)
  }

  @Test(
    "round-trip in every representation",
    arguments: [
      (
        "(node_info)",
        """
        (record { all_nodes = vec { "rrkah-fqaaa-aaaaa-aaaaq-cai" }; prev_node_id = null; \
        next_node_id = opt principal "ryjl3-tyaaa-aaaaa-aaaba-cai"; \
        status = variant { Error = variant { Migration = "lost \\"it\\"" } }; \
        cycles_balance = 18446744073709551615 })
        """
      ),
      ("(node_info_status)", "(variant { Ready })"),
      ("(canister_manager_event)", "(variant { NodeCreated = \"ryjl3-tyaaa-aaaaa-aaaba-cai\" })"),
      ("(canister_manager_event)", "(variant { Migrate = record { data = blob \"\\00\\ff\" } })"),
      ("(wasm_init_args)", "(record { position = 255; wasm_chunk = blob \"\\00asm\" })"),
      ("(init_canister_manager_param)", "(record { args = null })"),
      ("(init_canister_manager_param)", "(record { args = opt record { all_nodes = vec {} } })"),
      ("(text, text)", "(\"key\", \"value\")"),
    ])
  func roundTrip(_ types: String, _ text: String) throws {
    let signature = try signature(types)
    let values = try CandidText.parseArguments(Array(text.utf8), as: signature)
    let message = try CandidBinary.encode(values, as: signature)
    #expect(try CandidBinary.decode(message, as: signature) == values)
    let compact = CandidText.printCompact(values)
    #expect(try CandidText.parseArguments(compact, as: signature) == values)
    let json = CandidJSON.writeArguments(values)
    #expect(try CandidJSON.readArguments(json, as: signature) == values)
    let result = CandidJSON.writeResults(values)
    #expect(try CandidJSON.readResults(result, as: signature) == values)
  }

  @Test("a reader of before skips the fields that node_info has gained")
  func oldReader() throws {
    let info = Info(
      allNodes: ["rrkah-fqaaa-aaaaa-aaaaq-cai"], previous: .canister(number: 7),
      status: .failed(.migration("disk")), cycles: 9, nodeID: .canister(number: 1))
    let message = try CandidArguments.encode(info)
    let values = try CandidBinary.decode(message, as: signature("(node_info)"))
    #expect(
      values == [
        .record(fields: [
          "all_nodes": .vec([.text("rrkah-fqaaa-aaaaa-aaaaq-cai")]),
          "prev_node_id": .opt(.principal(.canister(number: 7))), "next_node_id": .opt(nil),
          "status": .variant("Error", .variant("Migration", .text("disk"))),
          "cycles_balance": .nat64(9),
        ])
      ])
  }

  @Test("a new reader finds null where an old node_info lacks a field")
  func newReader() throws {
    let text = """
      (record { all_nodes = vec {}; prev_node_id = null; next_node_id = null; \
      status = variant { Ready }; cycles_balance = 5 })
      """
    let old = try signature("(node_info)")
    let values = try CandidText.parseArguments(Array(text.utf8), as: old)
    let message = try CandidBinary.encode(values, as: old)
    let info = try CandidArguments.decode(message, as: Info.self)
    #expect(info == Info(allNodes: [], previous: nil, status: .ready, cycles: 5, nodeID: nil))
  }

  @Test("a method's type is found in the interface")
  func methods() {
    #expect(interface.method("node_info")?.description == "() -> (node_info) query")
    #expect(interface.method("init_wasm")?.results == [.bool])
    #expect(interface.method("get_data") == nil)
  }

  @Test("lists of Swift values encode and decode by their types")
  func argumentLists() throws {
    let message = try CandidArguments.encode("key", [UInt8](0...3), UInt64?.none, [1.5, 2])
    let (key, bytes, none, floats) = try CandidArguments.decode(
      message, as: String.self, [UInt8].self, UInt64?.self, [Double].self)
    #expect(key == "key")
    #expect(bytes == [0, 1, 2, 3])
    #expect(none == nil)
    #expect(floats == [1.5, 2])
    #expect(try CandidArguments.encode() == Array("DIDL\0\0".utf8))
    #expect(throws: CandidError.self) { try CandidArguments.decode(message, as: Bool.self) }
    let (_, _, _, _, extra) = try CandidArguments.decode(
      message, as: String.self, [UInt8].self, UInt64?.self, [Double].self, Bool?.self)
    #expect(extra == nil)
  }
}
