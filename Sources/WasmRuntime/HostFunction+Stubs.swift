import CWasmtime

/// What canisters ask in passing, answered truthfully for a module that wants its imports stubbed:
/// there is no stable memory and none can be had, and no certificate. Compilers for canisters
/// call these in `canister_init`, whatever the program does. Other stubs trap.
extension HostFunction {
  static let stubs: [HostFunction] = [
    stub("stable_size", [], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = 0
        return nil
      }
    },
    stub("stable64_size", [], [i64]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i64 = 0
        return nil
      }
    },
    stub("stable_grow", [i32], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = -1
        return nil
      }
    },
    stub("stable64_grow", [i64], [i64]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i64 = -1
        return nil
      }
    },
    stub("certified_data_set", [i32, i32]) { _, _, _, _ in nil },
    stub("data_certificate_present", [], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        values[0].i32 = 0
        return nil
      }
    },
  ]

  private static func stub(
    _ name: String, _ parameters: [UInt8] = [], _ results: [UInt8] = [],
    _ callback: @escaping wasmtime_callback
  ) -> HostFunction {
    var function = ic0(name, parameters, results, callback)
    function.isStub = true
    return function
  }
}
