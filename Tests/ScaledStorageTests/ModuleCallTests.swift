import Candid
import Cluster
import HTTPTransport
import Storage
import Testing
import WasmRuntime
import WireProtocol

@testable import ScaledStorage

/// "put" stores its whole arguments and replies "ok"; "get" replies with the value as a blob;
/// "fail", "refuse" and "spin" end otherwise, once they have set the value; "hello" has no key.
private let notes = """
  (module
    (import "ic0" "msg_arg_data_size" (func $argSize (result i32)))
    (import "ic0" "msg_arg_data_copy" (func $argCopy (param i32 i32 i32)))
    (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
    (import "ic0" "msg_reply" (func $reply))
    (import "ic0" "msg_reject" (func $reject (param i32 i32)))
    (import "scaled" "value_size" (func $size (result i32)))
    (import "scaled" "value_copy" (func $copy (param i32 i32 i32)))
    (import "scaled" "value_set" (func $set (param i32 i32)))
    (import "scaled" "value_delete" (func $delete))
    (memory (export "memory") 1)
    (data (i32.const 0) "DIDL\\00\\01\\71\\02ok")
    (data (i32.const 16) "DIDL\\01\\6d\\7b\\01\\00")
    (data (i32.const 32) "DIDL\\00\\00")
    (data (i32.const 48) "not today")
    (func $store
      (call $argCopy (i32.const 1024) (i32.const 0) (call $argSize))
      (call $set (i32.const 1024) (call $argSize)))
    (func (export "canister_update put")
      (call $store)
      (call $append (i32.const 0) (i32.const 10))
      (call $reply))
    (func (export "canister_query get")
      (call $append (i32.const 16) (i32.const 9))
      (i32.store8 (i32.const 512) (call $size))
      (call $append (i32.const 512) (i32.const 1))
      (call $copy (i32.const 1024) (i32.const 0) (call $size))
      (call $append (i32.const 1024) (call $size))
      (call $reply))
    (func (export "canister_update clear")
      (call $delete)
      (call $append (i32.const 32) (i32.const 6))
      (call $reply))
    (func (export "canister_update fail") (call $store) (unreachable))
    (func (export "canister_update refuse")
      (call $store) (call $reject (i32.const 48) (i32.const 9)))
    (func (export "canister_update spin") (call $store) (loop $again (br $again)))
    (func (export "canister_update mute") (call $store))
    (func (export "canister_update lie")
      (call $store)
      (call $append (i32.const 0) (i32.const 10))
      (call $reply))
    (func (export "canister_update waste")
      (drop (memory.grow (i32.const 500)))
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 32000000))
      (unreachable))
    (func (export "canister_update update_data") (call $reject (i32.const 48) (i32.const 9)))
    (func (export "canister_query hello")
      (call $append (i32.const 0) (i32.const 10))
      (call $reply))
    (func (export "canister_query meddle") (call $store)))
  """

private let interface = """
  service : {
    put : (key : text, text) -> (text);
    get : (text) -> (blob) query;
    clear : (text) -> ();
    fail : (text) -> (); refuse : (text) -> (); spin : (text) -> (); mute : (text) -> ();
    lie : (text) -> (nat64); waste : (text) -> ();
    hello : () -> (text) query;
    meddle : (text) -> () query;
  }
  """

@Suite struct ModuleCallTests {
  private static let forms: [Representation] = [.candid, .text, .json]

  private func node(_ settings: NodeRuntime.Settings = .init()) throws -> ModuleNode {
    try ModuleNode(notes, candid: interface, settings: settings)
  }

  @Test("A call changes the value under its key, in each representation", arguments: forms)
  func changes(_ form: Representation) throws {
    let node = try node()
    for key in ["plain", "süß"] {
      let arguments = "(\"\(key)\", \"v\")"
      let answer = try node.call("put", arguments, form)
      #expect(answer.status == 200)
      let expected: [UInt8] =
        switch form {
        case .candid: try CandidBinary.encode([.text("ok")])
        case .text: Array("(\"ok\")\n".utf8)
        case .json: Array("\"ok\"\n".utf8)
        }
      #expect(answer.body == expected)
      let record = try #require(try node.record(key))
      #expect(record.value == (try CandidBinary.encode([.text(key), .text("v")])))
      #expect(answer.header("etag") == EntityTag.text(record.version))
      #expect(answer.header("ss-node") == node.runtime.node.id?.text)
      #expect(UInt64(answer.header("ss-fuel") ?? "") ?? 0 > 5)
      let read = try node.call("get", "(\"\(key)\")", form)
      #expect(read.status == 200 && read.header("etag") == answer.header("etag"))
      if form == .candid {
        #expect(try CandidBinary.decode(read.body) == [.blob(record.value ?? [])])
      }
    }
  }

  @Test(
    "A call that fails leaves the value as it was, and says why",
    arguments: [
      ("fail", 500, "module_trapped", "unreachable"),
      ("refuse", 422, "module_rejected", "not today"),
      ("spin", 500, "module_out_of_fuel", "fuel"), ("mute", 500, "module_no_reply", "reply"),
      ("meddle", 500, "module_trapped", "query"),
    ])
  func failures(_ name: String, _ status: Int, _ code: String, _ words: String) throws {
    let node = try node()
    for form in Self.forms {
      #expect(try node.send(.put, "/kv/a", [1]).status < 300)
      let before = try node.record("a")
      let answer = try node.call(name, "(\"a\")", form)
      #expect(answer.status == status)
      #expect(answer.header("ss-error") == code)
      #expect(String(decoding: answer.body, as: UTF8.self).contains(words))
      #expect(try node.record("a") == before)
      #expect(try node.call("put", "(\"b\", \"\")", form).status == 200)
    }
    let use = try #require(node.runtime.nodeInfo.moduleMethods?.first { $0.name == name })
    #expect(use.calls == 3 && use.failures == (name == "refuse" ? 0 : 3))
  }

  @Test("A call acts on a condition only when it holds", arguments: forms)
  func conditions(_ form: Representation) throws {
    let node = try node()
    let absent = [(name: "if-none-match", value: "*")]
    let first = try node.call("put", "(\"a\", \"1\")", form, absent)
    #expect(first.status == 200)
    #expect(try node.call("put", "(\"a\", \"2\")", form, absent).status == 412)
    let tag = try #require(first.header("etag"))
    let match = [(name: "if-match", value: tag)]
    #expect(try node.call("put", "(\"a\", \"3\")", form, match).status == 200)
    let late = try node.call("put", "(\"a\", \"4\")", form, match)
    #expect(late.status == 412 && late.header("etag") != tag)
    #expect(try node.record("a")?.value == CandidBinary.encode([.text("a"), .text("3")]))
  }

  @Test("A value that is changed expires when it would have", arguments: forms)
  func expiry(_ form: Representation) throws {
    let node = try node()
    _ = try node.send(.put, "/kv/a?ttl=1000", [1])
    let expiry = try #require(try node.record("a")?.expiresAt)
    #expect(try node.call("put", "(\"a\", \"1\")", form).status == 200)
    #expect(try node.record("a")?.expiresAt == expiry)
    #expect(try node.call("clear", "(\"a\")", form).status == 200)
    #expect(try node.record("a") == nil)
    #expect(try node.call("clear", "(\"a\")", form).status == 200)
  }

  @Test("A method without a key runs where it is asked; a query without arguments also by GET")
  func keyless() throws {
    let node = try node()
    #expect(try node.call("hello", "()", .text).body == Array("(\"ok\")\n".utf8))
    #expect(try node.send(.get, "/hello").body == Array("\"ok\"\n".utf8))
    #expect(try node.send(.get, "/put").status == 405)
    #expect(try node.send(.get, "/nothing").status == 404)
  }

  @Test("Keys that are none are refused", arguments: forms)
  func badKeys(_ form: Representation) throws {
    let node = try node()
    let long = String(repeating: "x", count: 1_025)
    for arguments in ["(\"\", \"v\")", "(\"\(long)\", \"v\")"] {
      #expect(try node.call("put", arguments, form).header("ss-error") == "bad_key")
    }
    #expect(try node.call("put", "(true, \"v\")", form).header("ss-error") == "bad_arguments")
    #expect(try node.call("put", "()", form).header("ss-error") == "bad_arguments")
  }

  @Test("Who has spent the second's fuel is told when to come again")
  func budget() throws {
    var settings = NodeRuntime.Settings()
    settings.fuelBudget = 1_000
    let node = try node(settings)
    #expect(try node.call("spin", "(\"a\")").status == 500)
    let late = try node.call("put", "(\"a\", \"1\")")
    #expect(late.status == 429 && late.header("ss-error") == "fuel_budget_spent")
    #expect(Int(late.header("retry-after") ?? "") ?? 0 > 1_000)
    #expect(node.runtime.nodeInfo.cyclesBalance == 0)
    #expect(node.runtime.nodeInfo.fuelUsed ?? 0 >= 10_000_000)
    #expect(try node.send(.put, "/kv/a", [1]).status == 201)
  }

  @Test("A node that starts again runs its module")
  func restart() throws {
    let store = MemoryEngine()
    let first = try ModuleNode(notes, candid: interface, store: store)
    #expect(try first.call("put", "(\"a\", \"1\")").status == 200)
    first.runtime.node.stop()
    let second = try ModuleNode(nil, store: store)
    #expect(second.runtime.nodeInfo.moduleSHA256 == first.runtime.nodeInfo.moduleSHA256)
    #expect(try second.call("get", "(\"a\")").status == 200)
  }

  @Test("A new module takes over, and what was used is not forgotten")
  func upgrade() throws {
    let node = try node()
    _ = try node.call("put", "(\"a\", \"1\")")
    try node.install("(module (func (export \"canister_query get\") (unreachable)))")
    #expect(try node.call("put", "(\"a\", \"1\")").status == 404)
    #expect(try node.call("get", "(\"a\")").header("ss-error") == "module_trapped")
    let uses = node.runtime.nodeInfo.moduleMethods ?? []
    #expect(uses.first { $0.name == "put" }?.calls == 1)
    #expect(uses.first { $0.name == "get" }?.failures == 1)
    let metrics = try node.send(.get, "/metrics")
    let text = String(decoding: metrics.body, as: UTF8.self)
    #expect(text.contains(",method=\"put\"} 1\n"))
  }

  @Test("Without its library a node serves all but the module, and says what to install")
  func unavailable() throws {
    let store = MemoryEngine()
    _ = try ModuleNode(notes, candid: interface, store: store)
    var settings = NodeRuntime.Settings()
    settings.wasmtimePath = "/nowhere/libwasmtime.so"
    let node = try ModuleNode(nil, store: store, settings: settings)
    #expect(node.runtime.nodeInfo.moduleSHA256 == nil)
    #expect(try node.send(.put, "/kv/a", [1]).status == 201)
    let refused = try node.call("put", "(\"a\", \"1\")")
    #expect(refused.status == 501 && refused.header("ss-error") == "wasm_unavailable")
    #expect(String(decoding: refused.body, as: UTF8.self).contains("deploy/wasmtime"))
  }

  @Test("A reply that the caller could not be given changes nothing")
  func badReply() throws {
    let node = try node()
    for form in [Representation.text, .json] {
      let answer = try node.call("lie", "(\"a\")", form)
      #expect(answer.status == 500 && answer.header("ss-error") == "module_bad_reply")
      #expect(try node.record("a") == nil)
    }
  }

  @Test("A key of another type than the interface says is refused, in every form", arguments: forms)
  func keyType(_ form: Representation) throws {
    let node = try node()
    let answer = try node.call("clear", "(blob \"key\")", form)
    #expect(answer.status == 400 || form == .json)
    #expect(try node.record("key") == nil)
  }

  @Test("A method that fails at great cost rests, and others do not")
  func rest() throws {
    let node = try node()
    var codes: Set<String> = []
    for _ in 0..<400 where !codes.contains("module_resting") {
      let answer = try node.call("waste", "(\"a\")")
      codes.insert(answer.header("ss-error") ?? "")
      if answer.status == 429 { #expect(answer.header("retry-after") != nil) }
    }
    #expect(codes.contains("module_resting"))
    #expect(try node.call("hello", "()").status == 200)
  }

  @Test("A method without a key has no version to compare")
  func keylessCondition() throws {
    let node = try node()
    let match = [(name: "if-match", value: "\"1\"")]
    #expect(try node.call("hello", "()", .text, match).header("ss-error") == "bad_condition")
  }

  @Test("A module that cannot run is not replaced by the built-in methods that it overrides")
  func overridden() throws {
    let store = MemoryEngine()
    let first = try ModuleNode(notes, candid: interface, store: store)
    let refused = try first.call("update_data", "(\"a\", \"1\")")
    #expect(refused.header("ss-error") == "module_rejected")
    var settings = NodeRuntime.Settings()
    settings.wasmtimePath = "/nowhere/libwasmtime.so"
    let node = try ModuleNode(nil, store: store, settings: settings)
    #expect(try node.call("update_data", "(\"a\", \"1\")").header("ss-error") == "wasm_unavailable")
    #expect(try node.record("a") == nil)
    #expect(try node.call("get_data", "(\"a\")").status == 404)
  }
}
