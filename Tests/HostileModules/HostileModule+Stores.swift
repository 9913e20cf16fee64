/// Methods that misuse the value, the arguments and what they are told of the call.
extension HostileModule {
  static let stores: [HostileModule] = settings + copies

  private static let settings: [HostileModule] = [
    query("a value set in a query", .traps, set + reply),
    query("a value deleted in a query", .traps, "(call $value_delete)" + reply),
    update("a value deleted before a trap", .traps, "(call $value_delete) (unreachable)"),
    update(
      "a value deleted before a reject", .fails(["module_rejected"]),
      "(call $value_delete) (call $reject (i32.const 16) (i32.const 7))"),
    update(
      "a value set from behind memory", .traps,
      "(call $value_set (i32.const 65536) (i32.const 1)) \(reply)"),
    update(
      "a value of a negative size", .traps,
      "(call $value_set (i32.const 0) (i32.const -1)) \(reply)"),
    update(
      "a value whose end overflows", .traps,
      "(call $value_set (i32.const -16) (i32.const 32)) \(reply)"),
    update(
      "a value that is too large", .fails(["module_trapped", "value_too_large"]),
      memory: "512", "(call $value_set (i32.const 0) (i32.const 33000000)) \(reply)"),
    update(
      "setting the value without end", .isStopped,
      forever("(call $value_set (i32.const 0) (i32.const 60000))")),
    update(
      "setting a large value without end", .isStopped, memory: "16",
      forever("(call $value_set (i32.const 0) (i32.const 1000000))")),
    update(
      "setting and deleting the value without end", .isStopped,
      forever("\(set) (call $value_delete)")),
  ]

  private static let copies: [HostileModule] = [
    update(
      "a copy of more than the value has", .traps,
      "(call $value_copy (i32.const 1024) (i32.const 0) (i32.const 1000)) \(reply)"),
    update(
      "a copy from behind the value", .traps,
      "(call $value_copy (i32.const 1024) (i32.const 1000) (i32.const 1)) \(reply)"),
    update(
      "a copy of the value from a negative place", .traps,
      "(call $value_copy (i32.const 1024) (i32.const -1) (i32.const 1)) \(reply)"),
    update(
      "a copy of the value whose end overflows", .traps,
      "(call $value_copy (i32.const 1024) (i32.const -4) (i32.const 8)) \(reply)"),
    update(
      "a copy of the value out of memory", .traps,
      "(call $value_copy (i32.const 65533) (i32.const 0) (i32.const 7)) \(reply)"),
    update(
      "a copy of a value that was deleted", .traps,
      "(call $value_delete) (call $value_copy (i32.const 0) (i32.const 0) (i32.const 1)) \(reply)"
    ),
    update(
      "copying the value without end", .isStopped,
      forever("(call $value_copy (i32.const 1024) (i32.const 0) (call $value_size))")),
    update(
      "a copy of more than the arguments have", .traps,
      "(call $arg_copy (i32.const 1024) (i32.const 0) (i32.const 1000)) \(reply)"),
    update(
      "a copy from behind the arguments", .traps,
      "(call $arg_copy (i32.const 1024) (i32.const 1000) (i32.const 1)) \(reply)"),
    update(
      "a copy of the arguments whose end overflows", .traps,
      "(call $arg_copy (i32.const 1024) (i32.const -4) (i32.const 8)) \(reply)"),
    update(
      "a copy of the arguments out of memory", .traps,
      "(call $arg_copy (i32.const 65535) (i32.const 0) (i32.const 4)) \(reply)"),
    update(
      "a copy of the arguments of a negative size", .traps,
      "(call $arg_copy (i32.const 0) (i32.const 0) (i32.const -1)) \(reply)"),
    update(
      "a copy of more than the caller has", .traps,
      "(call $caller_copy (i32.const 1024) (i32.const 0) (i32.const 100)) \(reply)"),
    update(
      "a copy of the node's name out of memory", .traps,
      "(call $self_copy (i32.const -1) (i32.const 0) (i32.const 1)) \(reply)"),
    update(
      "a counter that does not exist", .contained,
      "(drop (call $counter (i32.const 77))) \(reply)"),
  ]
}
