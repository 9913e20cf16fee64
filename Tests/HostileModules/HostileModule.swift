/// A WebAssembly module that means harm or is broken, and what has to become of it.
///
/// Its method `m`, unless the outcome is a refusal, is the one that does harm. Beside it stand two
/// good ones: `good` stores `changed` under its key, `peek` is a query; both reply an empty list.
public struct HostileModule: Sendable, CustomStringConvertible {
  public enum Outcome: Hashable, Sendable {
    /// It cannot be uploaded, for one of these reasons.
    case refused(Set<String>)
    /// It can be uploaded; a call of `m` fails for one of these reasons, and the value under its
    /// key stays as it was.
    case fails(Set<String>)
    /// It may be refused, its calls may fail or succeed, as long as it does no harm.
    case contained
  }

  public let name: String
  /// WebAssembly's text format.
  public let text: String
  public let outcome: Outcome
  /// How often `m` is called in a row.
  public let calls: Int

  public var description: String { name }

  /// The method that does harm, and those that do none.
  public static let harmful = "m"
  public static let good = "good"
  public static let peek = "peek"
  /// What `good` stores, and what harmful methods try to store.
  public static let changed = "changed"

  /// Those that can be loaded and harm when they are called.
  public static let methods = calls + stores
  /// Those that harm when they are loaded, or before; among them those that are just too large.
  public static let loads = forms + sizes
  public static let all = methods + loads

  init(_ name: String, _ outcome: Outcome, calls: Int = 1, _ text: String) {
    self.name = name
    self.outcome = outcome
    self.calls = calls
    self.text = text
  }

  // MARK: - How they are written

  /// Where a message without values lies, with its length.
  private static let empty = "(i32.const 0) (i32.const 6)"
  /// Replies an empty list.
  static let reply = "(call $append \(empty)) (call $reply)"
  /// Stores `changed`.
  static let set = "(call $value_set (i32.const 16) (i32.const 7))"

  private static let imports = """
    (import "ic0" "msg_arg_data_size" (func $arg_size (result i32)))
    (import "ic0" "msg_arg_data_copy" (func $arg_copy (param i32 i32 i32)))
    (import "ic0" "msg_caller_copy" (func $caller_copy (param i32 i32 i32)))
    (import "ic0" "canister_self_copy" (func $self_copy (param i32 i32 i32)))
    (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
    (import "ic0" "msg_reply" (func $reply))
    (import "ic0" "msg_reject" (func $reject (param i32 i32)))
    (import "ic0" "trap" (func $trap (param i32 i32)))
    (import "ic0" "debug_print" (func $print (param i32 i32)))
    (import "ic0" "time" (func $time (result i64)))
    (import "ic0" "performance_counter" (func $counter (param i32) (result i64)))
    (import "scaled" "value_size" (func $value_size (result i32)))
    (import "scaled" "value_copy" (func $value_copy (param i32 i32 i32)))
    (import "scaled" "value_set" (func $value_set (param i32 i32)))
    (import "scaled" "value_delete" (func $value_delete))
    """

  /// A module with the good methods, these functions and a memory of these pages.
  static func module(_ functions: String, memory: String = "1") -> String {
    """
    (module
    \(imports)
    (memory (export "memory") \(memory))
    (data (i32.const 0) "DIDL\\00\\00")
    (data (i32.const 16) "\(changed)")
    (func (export "canister_update \(good)") \(set) \(reply))
    (func (export "canister_query \(peek)") \(reply))
    \(functions)
    )
    """
  }

  /// A module whose method `m` does this after it has stored another value.
  static func update(
    _ name: String, _ outcome: Outcome, calls: Int = 1, memory: String = "1",
    also: String = "", _ body: String
  ) -> HostileModule {
    HostileModule(
      name, outcome, calls: calls,
      module("(func (export \"canister_update m\") \(set) \(body))\n\(also)", memory: memory))
  }

  /// A module whose query `m` does this.
  static func query(_ name: String, _ outcome: Outcome, _ body: String) -> HostileModule {
    HostileModule(name, outcome, module("(func (export \"canister_query m\") \(body))"))
  }

  /// A loop without end around this.
  static func forever(_ body: String) -> String { "(loop $again \(body) (br $again))" }
}

extension HostileModule.Outcome {
  static let traps = Self.fails(["module_trapped"])
  static let runsOut = Self.fails(["module_out_of_fuel"])
  /// Fuel or time, whichever ends first.
  static let isStopped = Self.fails(["module_out_of_fuel", "module_deadline"])
  static let isTooLong = Self.fails([
    "module_reply_too_large", "module_out_of_fuel", "module_deadline",
  ])
  static let isBad = Self.refused(["bad_module"])
}
