/// Modules that harm when they are loaded, or ask for what there is not.
extension HostileModule {
  public static let forms: [HostileModule] = beginnings + wants + features + names

  /// What runs at the beginning may run when a module is uploaded, or at the first call.
  private static func beginning(_ name: String, _ functions: String) -> HostileModule {
    HostileModule(name, .contained, module(functions))
  }

  private static func initialiser(_ name: String, _ body: String) -> HostileModule {
    beginning(name, "(func (export \"canister_init\") \(body))")
  }

  private static func starter(_ name: String, _ body: String) -> HostileModule {
    beginning(name, "(func $s \(body)) (start $s)")
  }

  private static let beginnings: [HostileModule] = [
    starter("a start function without end", forever("")),
    starter("a start function that traps", "(unreachable)"),
    starter("a start function that sets a value", set),
    starter("a start function that replies", reply),
    starter(
      "a start function that copies arguments",
      "(call $arg_copy (i32.const 0) (i32.const 0) (i32.const 1))"),
    initialiser("a canister_init without end", forever("")),
    initialiser("a canister_init that traps", "(unreachable)"),
    initialiser("a canister_init that sets a value", set),
    initialiser("a canister_init that deletes a value", "(call $value_delete)"),
    initialiser("a canister_init that replies", reply),
    initialiser("a canister_init that rejects", "(call $reject (i32.const 16) (i32.const 7))"),
    initialiser("a canister_init that asks for a value", "(drop (call $value_size))"),
    initialiser(
      "a canister_init that prints without end",
      forever("(call $print (i32.const 0) (i32.const 65536))")),
    initialiser("a canister_init that takes all memory", "(drop (memory.grow (i32.const 1023)))"),
    HostileModule(
      "a segment that does not fit", .contained,
      module("(data (i32.const 65535) \"abc\")")),
    HostileModule(
      "an element segment that does not fit", .contained,
      module("(table 1 funcref) (elem (i32.const 5) func 0)")),
  ]

  private static func importing(_ name: String, _ import: String) -> HostileModule {
    HostileModule(
      name, .isBad, "(module \(`import`) (memory 1) (func (export \"canister_update m\")))")
  }

  private static let wants: [HostileModule] = [
    importing("an import that does not exist", "(import \"ic0\" \"nothing\" (func))"),
    importing(
      "an import of another module", "(import \"env\" \"abort\" (func (param i32 i32 i32 i32)))"),
    importing(
      "an import of the system",
      "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))"),
    importing("an import without a name", "(import \"\" \"\" (func))"),
    importing(
      "an import with a long name",
      "(import \"ic0\" \"\(String(repeating: "x", count: 99_000))\" (func))"),
    importing(
      "a call to another canister", "(import \"ic0\" \"call_perform\" (func (result i32)))"),
    importing(
      "stable memory", "(import \"ic0\" \"stable64_grow\" (func (param i64) (result i64)))"),
    importing("a timer", "(import \"ic0\" \"global_timer_set\" (func (param i64) (result i64)))"),
    importing("an import of another type", "(import \"ic0\" \"msg_reply\" (func (param i32)))"),
    importing("an import of 64 bits", "(import \"scaled\" \"value_set\" (func (param i64 i64)))"),
    importing(
      "an import with another result", "(import \"scaled\" \"value_size\" (func (result i64)))"),
    importing(
      "an import with a further result",
      "(import \"ic0\" \"msg_arg_data_size\" (func (result i32 i32)))"),
    importing("a function imported as memory", "(import \"ic0\" \"msg_reply\" (table 1 funcref))"),
    importing("a function imported as a global", "(import \"ic0\" \"msg_reply\" (global i32))"),
    HostileModule(
      "an imported memory", .isBad,
      "(module (import \"env\" \"memory\" (memory 1)) (func (export \"canister_update m\")))"),
    importing(
      "imports without number",
      (0..<1_500).map { "(import \"ic0\" \"nothing\($0)\" (func))" }.joined()),
  ]

  private static let features: [HostileModule] = [
    HostileModule(
      "a memory of 64 bits", .isBad,
      "(module (memory i64 1) (func (export \"canister_update m\")))"),
    HostileModule(
      "a shared memory", .isBad,
      "(module (memory 1 2 shared) (func (export \"canister_update m\")))"),
    HostileModule(
      "threads", .isBad,
      """
      (module (memory 1 1 shared) (func (export "canister_update m")
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))
      """),
    HostileModule(
      "two memories", .isBad,
      "(module (memory 1) (memory 1) (func (export \"canister_update m\")))"),
    HostileModule(
      "a table of 64 bits", .isBad,
      "(module (memory 1) (table i64 1 funcref) (func (export \"canister_update m\")))"),
    HostileModule(
      "objects", .isBad,
      """
      (module (type $s (struct (field i32))) (memory 1)
        (func (export "canister_update m") (drop (struct.new_default $s))))
      """),
    HostileModule(
      "a memory of 4 GiB", .isBad, module("", memory: "65536")),
    HostileModule(
      "a memory above the limit", .isBad, module("", memory: "1025")),
    HostileModule(
      "a table above the limit", .isBad, module("(table 10000000 funcref)")),
    HostileModule(
      "many tables", .contained,
      module((0..<90).map { _ in "(table 10000 funcref)" }.joined(separator: "\n"))),
    HostileModule(
      "no memory", .contained,
      """
      (module (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
        (import "ic0" "msg_reply" (func $reply))
        (func (export "canister_update m") (call $append (i32.const 0) (i32.const 1)) (call $reply))
        (func (export "canister_update good") (call $reply))
        (func (export "canister_query peek") (call $reply)))
      """),
  ]

  /// The section that tells a module's interface.
  static func interface(_ text: String) -> String {
    "(@custom \"icp:public candid:service\" \"\(text)\")"
  }

  private static func exporting(_ name: String, _ outcome: Outcome, _ functions: String)
    -> HostileModule
  {
    HostileModule(name, outcome, module(functions))
  }

  private static let names: [HostileModule] = [
    exporting("a method without a name", .isBad, "(func (export \"canister_update \"))"),
    exporting("a method with a slash", .isBad, "(func (export \"canister_update a/b\"))"),
    exporting(
      "a method with a line's end", .isBad, "(func (export \"canister_update a\\0d\\0aset: b\"))"),
    exporting(
      "a method with a long name", .isBad,
      "(func (export \"canister_update \(String(repeating: "n", count: 99_000))\"))"),
    exporting(
      "a method of the cluster", .isBad, "(func (export \"canister_update handle_event\"))"),
    exporting(
      "a method that hides the upload", .isBad, "(func (export \"canister_update init_wasm\"))"),
    exporting(
      "a method that hides the node's state", .isBad, "(func (export \"canister_query node_info\"))"
    ),
    exporting("a method that hides the values", .isBad, "(func (export \"canister_query kv\"))"),
    exporting(
      "a method with parameters", .isBad, "(func (export \"canister_update m\") (param i32))"),
    exporting(
      "a method with a result", .isBad,
      "(func (export \"canister_update m\") (result i32) (i32.const 1))"),
    exporting("a method that is a memory", .isBad, "(export \"canister_update m\" (memory 0))"),
    exporting(
      "a canister_init with parameters", .isBad, "(func (export \"canister_init\") (param i64))"),
    exporting(
      "a method that is update and query", .isBad,
      "(func (export \"canister_update m\")) (func (export \"canister_query m\"))"),
    exporting(
      "a key beyond all arguments", .contained,
      "(func (export \"canister_update m\") \(reply)) (func (export \"scaled_key m 4294967295\"))"),
    exporting(
      "a key of a method that is not there", .contained, "(func (export \"scaled_key none 0\"))"),
    exporting("a key at no place", .contained, "(func (export \"scaled_key m -1\"))"),
    exporting(
      "an interface that is no Candid", .contained,
      interface("service : { m : (")),
    exporting(
      "an interface that is no text", .contained,
      interface("\\ff\\fe\\00")),
    exporting(
      "an interface that is nested deeply", .contained,
      interface(
        "service : { good : (\(String(repeating: "opt ", count: 90_000)) nat) -> () }")
    ),
    exporting(
      "an interface of types that name each other", .contained,
      interface(
        (0..<3_000).map { "type T\($0) = record { T\($0 + 1); T\($0 + 1) };" }.joined()
          + "type T3000 = nat; service : { good : (T0) -> () }")),
    exporting(
      "an interface without an end", .contained,
      interface("type T = record { T }; service : { good : (T) -> (T) }")
    ),
  ]
}
