import CWasmtime

/// Arguments, replies and what surrounds a call: `ic0`.
extension HostFunction {
  static let messages: [HostFunction] = [
    ic0("msg_arg_data_size", [], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = Int32(clamping: call.host.arguments.count)
        return nil
      }
    },
    ic0("msg_arg_data_copy", [i32, i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.copy(call.host.arguments, values[1].i32, values[2].i32, to: values[0].i32)
      }
    },
    ic0("msg_caller_size", [], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = Int32(clamping: call.host.caller.count)
        return nil
      }
    },
    ic0("msg_caller_copy", [i32, i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.copy(call.host.caller, values[1].i32, values[2].i32, to: values[0].i32)
      }
    },
    ic0("msg_method_name_size", [], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = Int32(clamping: call.host.method.count)
        return nil
      }
    },
    ic0("msg_method_name_copy", [i32, i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.copy(call.host.method, values[1].i32, values[2].i32, to: values[0].i32)
      }
    },
    ic0("msg_deadline", [], [i64]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i64 = 0
        return nil
      }
    },
    ic0("msg_reply_data_append", [i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.appendToReply(values[0].i32, values[1].i32)
      }
    },
    ic0("msg_reply") { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.end(.replied)
      }
    },
    ic0("msg_reject", [i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.reject(values[0].i32, values[1].i32)
      }
    },
  ]

  static let surroundings: [HostFunction] = [
    ic0("canister_self_size", [], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = Int32(clamping: call.host.canisterID.count)
        return nil
      }
    },
    ic0("canister_self_copy", [i32, i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.host.canisterID.withUnsafeBytes { id in
          call.copy(id, values[1].i32, values[2].i32, to: values[0].i32)
        }
      }
    },
    ic0("canister_status", [], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = 1
        return nil
      }
    },
    ic0("canister_version", [], [i64]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i64 = 1
        return nil
      }
    },
    ic0("canister_cycle_balance", [], [i64]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i64 = Int64(clamping: call.host.balance)
        return nil
      }
    },
    ic0("canister_cycle_balance128", [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.store128(call.host.balance, at: values[0].i32)
      }
    },
    ic0("msg_cycles_available", [], [i64]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i64 = 0
        return nil
      }
    },
    ic0("msg_cycles_available128", [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.store128(0, at: values[0].i32)
      }
    },
    ic0("msg_cycles_accept", [i64], [i64]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i64 = 0
        return nil
      }
    },
    ic0("msg_cycles_accept128", [i64, i64, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.store128(0, at: values[2].i32)
      }
    },
    ic0("is_controller", [i32, i32], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = 0
        return nil
      }
    },
    ic0("in_replicated_execution", [], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = call.host.isQuery ? 0 : 1
        return nil
      }
    },
    ic0("time", [], [i64]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i64 = call.host.time
        return nil
      }
    },
    ic0("performance_counter", [i32], [i64]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i64 = Int64(clamping: call.host.fuel - min(call.host.fuel, call.remainingFuel))
        return nil
      }
    },
    ic0("debug_print", [i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.print(values[0].i32, values[1].i32)
      }
    },
    ic0("trap", [i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.trap(at: values[0].i32, values[1].i32)
      }
    },
  ]
}

extension HostCall {
  fileprivate func appendToReply(_ start: Int32, _ count: Int32) -> OpaquePointer? {
    guard host.ending == .none else { return endedTwice }
    guard let bytes = bytes(at: start, count: count) else { return outOfBounds }
    guard bytes.count <= host.limits.replyBytes - host.reply.count else {
      return trap("the reply is larger than \(host.limits.replyBytes) bytes", .replyTooLarge)
    }
    if let trap = charge(bytes.count) { return trap }
    host.reply.append(UnsafeRawBufferPointer(bytes))
    return nil
  }

  fileprivate func end(_ ending: HostState.Ending) -> OpaquePointer? {
    guard host.ending == .none else { return endedTwice }
    host.ending = ending
    return nil
  }

  fileprivate func reject(_ start: Int32, _ count: Int32) -> OpaquePointer? {
    guard let text = text(start, count, limit: host.limits.rejectionBytes) else {
      return outOfBounds
    }
    if let trap = end(.rejected) { return trap }
    host.rejection = text
    return nil
  }

  fileprivate func trap(at start: Int32, _ count: Int32) -> OpaquePointer? {
    guard let text = text(start, count, limit: host.limits.rejectionBytes) else {
      return outOfBounds
    }
    return trap("it says: \(text)")
  }

  fileprivate func print(_ start: Int32, _ count: Int32) -> OpaquePointer? {
    let room = host.limits.printedBytes - host.printed.utf8.count
    guard let text = text(start, count, limit: max(0, room)) else { return outOfBounds }
    if let trap = charge(text.utf8.count) { return trap }
    if room > 0 { host.printed += text + "\n" }
    return nil
  }

  fileprivate func store128(_ number: UInt64, at start: Int32) -> OpaquePointer? {
    guard let room = bytes(at: start, count: 16) else { return outOfBounds }
    room.storeBytes(of: number.littleEndian, as: UInt64.self)
    room.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
    return nil
  }

  /// The guest's text, its end cut off at the limit.
  private func text(_ start: Int32, _ count: Int32, limit: Int) -> String? {
    guard let bytes = bytes(at: start, count: count) else { return nil }
    // What is no UTF-8 becomes longer.
    var text = String(decoding: bytes.prefix(limit), as: UTF8.self)
    while text.utf8.count > limit { text.unicodeScalars.removeLast() }
    return text
  }

  private var endedTwice: OpaquePointer? {
    trap("the call was replied to or rejected already")
  }
}
