/// Methods that spend, overflow, or never end.
extension HostileModule {
  static let calls: [HostileModule] = endless + growing + trapping + talking

  private static let endless: [HostileModule] = [
    update("an endless loop", .runsOut, forever("")),
    query("an endless query", .runsOut, forever("")),
    update("an endless loop of calls", .runsOut, also: "(func $f)", forever("(call $f)")),
    update("an endless loop after the reply", .runsOut, reply + forever("")),
    update(
      "asking for its fuel without end", .isStopped, forever("(drop (call $counter (i32.const 0)))")
    ),
    update("asking for the time without end", .isStopped, forever("(drop (call $time))")),
    update(
      "filling memory without end", .isStopped, memory: "512",
      forever("(memory.fill (i32.const 1024) (i32.const 1) (i32.const 33000000))")),
    update(
      "copying memory without end", .isStopped, memory: "512",
      forever("(memory.copy (i32.const 1024) (i32.const 2048) (i32.const 33000000))")),
    update(
      "filling a table without end", .isStopped, also: "(table $t 10000 funcref)",
      forever("(table.fill $t (i32.const 0) (ref.null func) (i32.const 10000))")),
    update(
      "copying a table without end", .isStopped, also: "(table $t 10000 funcref)",
      forever("(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 9999))")),
    update(
      "dividing without end", .isStopped,
      forever("(drop (i64.div_s (i64.const 9223372036854775807) (i64.const 3)))")),
    update(
      "copying its arguments without end", .isStopped,
      forever("(call $arg_copy (i32.const 1024) (i32.const 0) (call $arg_size))")),
    update(
      "waiting for a time that does not come", .isStopped,
      forever("(br_if $again (i64.ge_u (call $time) (i64.const 0)))")),
  ]

  private static let growing: [HostileModule] = [
    update(
      "growing memory without end", .isStopped,
      forever("(drop (memory.grow (i32.const 1)))")),
    update(
      "growing memory and using it until there is none",
      .fails(["module_trapped", "module_out_of_fuel", "module_deadline"]),
      forever(
        """
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable)))
        (memory.fill (i32.const 1024) (i32.const 7)
          (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1024)))
        """)),
    update(
      "growing memory by all there can be", .traps,
      """
      (if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then (unreachable)))
      \(reply)
      """),
    update(
      "growing memory by a negative number", .traps,
      "(if (i32.eq (memory.grow (i32.const -1)) (i32.const -1)) (then (unreachable))) \(reply)"),
    update(
      "growing a table without end", .isStopped, also: "(table $t 1 funcref)",
      forever("(drop (table.grow $t (ref.null func) (i32.const 100)))")),
    update(
      "growing a table by all there can be", .traps, also: "(table $t 1 funcref)",
      """
      (if (i32.eq (table.grow $t (ref.null func) (i32.const 100000000)) (i32.const -1))
        (then (unreachable)))
      \(reply)
      """),
    // Each call keeps a page; once there are no more, the method goes on without.
    update(
      "growing memory a little at each call", .contained, calls: 1_200,
      "(drop (memory.grow (i32.const 1))) \(reply)"),
  ]

  private static let trapping: [HostileModule] = [
    // What a trap costs includes a fresh start: all the fuel that it may have.
    HostileModule(
      "a costly canister_init and a trap after it", .traps,
      module(
        """
        (func (export "canister_init") (local i32)
          (loop $l (br_if $l (i32.lt_u
            (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000000)))))
        (func (export "canister_update m") \(set) (unreachable))
        """)),
    update("unreachable", .traps, "(unreachable)"),
    update("unreachable after the reply", .traps, reply + "(unreachable)"),
    query("unreachable in a query", .traps, "(unreachable)"),
    update("a trap of its own", .traps, "(call $trap (i32.const 16) (i32.const 7))"),
    update(
      "a trap of its own after the reply", .traps,
      reply + "(call $trap (i32.const 16) (i32.const 7))"),
    update(
      "a trap with a message that is no text", .traps,
      "(memory.fill (i32.const 64) (i32.const 255) (i32.const 60000)) "
        + "(call $trap (i32.const 64) (i32.const 60000))"),
    update(
      "a trap with a message out of range", .traps,
      "(call $trap (i32.const 65535) (i32.const 2147483647))"),
    update(
      "a trap with a message of half a megabyte", .traps, memory: "10",
      "(memory.fill (i32.const 64) (i32.const 34) (i32.const 524288)) "
        + "(call $trap (i32.const 64) (i32.const 524288))"),
    update("recursion without end", .traps, also: "(func $f (call $f))", "(call $f)"),
    update(
      "recursion with much on the stack", .traps,
      also: """
        (func $f (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
          \((0..<8).map { "(i64.add (local.get \($0)) (i64.const 1))" }.joined(separator: " "))
          (call $f) (i64.add (local.get 0)) (i64.add (local.get 7)))
        """,
      "\(String(repeating: "(i64.const 1)", count: 8)) (call $f) (drop)"),
    update(
      "recursion through a table", .traps,
      also: """
        (type $none (func)) (table $t 2 funcref) (elem (table $t) (i32.const 0) func $f $g)
        (func $f (call_indirect $t (type $none) (i32.const 1)))
        (func $g (call_indirect $t (type $none) (i32.const 0)))
        """,
      "(call $f)"),
    update(
      "recursion through a function with thousands of locals", .traps,
      also: "(func $f (local \(String(repeating: "i64 ", count: 4_000))) (call $f))", "(call $f)"),
    update("a read out of bounds", .traps, "(drop (i32.load (i32.const -4)))"),
    update(
      "a read out of bounds by its offset", .traps,
      "(drop (i32.load offset=4294967295 (i32.const -1)))"),
    update("a write out of bounds", .traps, "(i64.store (i32.const 65529) (i64.const -1))"),
    update(
      "a fill out of bounds", .traps,
      "(memory.fill (i32.const 65530) (i32.const 1) (i32.const 7))"),
    update(
      "a copy out of bounds", .traps,
      "(memory.copy (i32.const 0) (i32.const -1) (i32.const 2))"),
    update(
      "a segment out of bounds", .traps, also: "(data $d \"abc\")",
      "(memory.init $d (i32.const 65535) (i32.const 0) (i32.const 3))"),
    update(
      "a table out of bounds", .traps, also: "(type $none (func)) (table $t 1 funcref)",
      "(call_indirect $t (type $none) (i32.const 1))"),
    update(
      "a call of nothing", .traps, also: "(type $none (func)) (table $t 1 funcref)",
      "(call_indirect $t (type $none) (i32.const 0))"),
    update(
      "a call of another type", .traps,
      also: """
        (type $one (func (param i32))) (table $t 1 funcref) (elem (table $t) (i32.const 0) func $f)
        (func $f)
        """,
      "(call_indirect $t (type $one) (i32.const 5) (i32.const 0))"),
    update("a division by zero", .traps, "(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
    update(
      "a division that overflows", .traps,
      "(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))"),
    update("a number that is none", .traps, "(drop (i32.trunc_f64_s (f64.const nan)))"),
  ]

  private static let talking: [HostileModule] = [
    update("no reply", .fails(["module_no_reply"]), ""),
    query("no reply of a query", .fails(["module_no_reply"]), ""),
    update(
      "reply data without a reply", .fails(["module_no_reply"]),
      "(call $append (i32.const 0) (i32.const 6))"),
    update("two replies", .traps, reply + reply),
    update("a reply and a reject", .traps, reply + "(call $reject (i32.const 16) (i32.const 7))"),
    update(
      "two rejects", .traps,
      "(call $reject (i32.const 16) (i32.const 7)) (call $reject (i32.const 16) (i32.const 7))"),
    update(
      "reply data after the reply", .traps, reply + "(call $append (i32.const 0) (i32.const 6))"),
    update(
      "many appends", .isTooLong,
      forever("(call $append (i32.const 0) (i32.const 65536))")),
    update(
      "many appends of nothing", .isStopped, forever("(call $append (i32.const 0) (i32.const 0))")),
    update(
      "many appends of a byte",
      .fails(["module_reply_too_large", "module_out_of_fuel", "module_deadline"]),
      forever("(call $append (i32.const 0) (i32.const 1))")),
    update(
      "one huge append", .isTooLong, memory: "512",
      "(call $append (i32.const 0) (i32.const 33000000)) (call $reply)"),
    update(
      "an append beyond memory", .traps,
      "(call $append (i32.const 0) (i32.const 2147483647)) (call $reply)"),
    update(
      "an append of a negative length", .traps,
      "(call $append (i32.const 0) (i32.const -1)) (call $reply)"),
    update(
      "an append from behind memory", .traps,
      "(call $append (i32.const -1) (i32.const 1)) (call $reply)"),
    update(
      "an append whose end overflows", .traps,
      "(call $append (i32.const -16) (i32.const 32)) (call $reply)"),
    update(
      "a reply that is no Candid", .contained,
      "(call $append (i32.const 16) (i32.const 7)) (call $reply)"),
    update("a reply of nothing", .contained, "(call $reply)"),
    update(
      "a reject", .fails(["module_rejected"]), "(call $reject (i32.const 16) (i32.const 7))"),
    query(
      "a reject of a query", .fails(["module_rejected"]),
      "(call $reject (i32.const 16) (i32.const 7))"),
    update(
      "a reject with a message that is no text", .fails(["module_rejected", "module_trapped"]),
      "(memory.fill (i32.const 64) (i32.const 128) (i32.const 60000)) "
        + "(call $reject (i32.const 64) (i32.const 60000))"),
    update(
      "a reject out of range", .traps, "(call $reject (i32.const 65530) (i32.const 100))"),
    update(
      "printing without end", .isStopped, forever("(call $print (i32.const 0) (i32.const 65536))")),
    update(
      "printing nothing without end", .isStopped,
      forever("(call $print (i32.const 0) (i32.const 0))")),
    update(
      "printing out of range", .traps, "(call $print (i32.const 65530) (i32.const 100)) \(reply)"),
    update(
      "printing lines that forge others", .contained,
      also: "(data (i32.const 64) \"\\0a\\1b[2J2026-01-01 error: forged\\0a\\00\\ff\")",
      "(call $print (i32.const 64) (i32.const 40)) \(reply)"),
  ]
}
