import CWasmtime

/// The value under the key: `scaled`.
extension HostFunction {
  static let values: [HostFunction] = [
    scaled("value_size", [], [i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.withValue { value in
          values[0].i32 = value.map { Int32(clamping: $0.count) } ?? -1
          return nil
        }
      }
    },
    scaled("value_copy", [i32, i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.withValue { value in
          guard let value else { return call.trap("there is no value under the key") }
          return call.copy(value, values[1].i32, values[2].i32, to: values[0].i32)
        }
      }
    },
    scaled("value_set", [i32, i32]) { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.setValue(values[0].i32, values[1].i32)
      }
    },
    scaled("value_delete") { state, caller, values, _ in
      run(state, caller, values) { call, values in
        call.deleteValue()
      }
    },
  ]

  private static func scaled(
    _ name: String, _ parameters: [UInt8] = [], _ results: [UInt8] = [],
    _ callback: @escaping wasmtime_callback
  ) -> HostFunction {
    HostFunction(
      module: "scaled", name: name, parameters: parameters, results: results, callback: callback)
  }
}

extension HostCall {
  fileprivate func withValue(
    _ body: (UnsafeRawBufferPointer?) -> OpaquePointer?
  ) -> OpaquePointer? {
    guard host.hasKey else {
      return trap("the method has no key, and so no value: its first argument is no text or blob")
    }
    return body(host.currentValue)
  }

  fileprivate func setValue(_ start: Int32, _ count: Int32) -> OpaquePointer? {
    change {
      guard let bytes = bytes(at: start, count: count) else { return outOfBounds }
      guard bytes.count <= host.limits.valueBytes else {
        return trap(
          "the value has \(bytes.count) bytes; at most \(host.limits.valueBytes) are taken")
      }
      if let trap = charge(bytes.count) { return trap }
      host.newValue.removeAll()
      host.newValue.append(UnsafeRawBufferPointer(bytes))
      host.change = .set
      return nil
    }
  }

  fileprivate func deleteValue() -> OpaquePointer? {
    change {
      host.newValue.removeAll()
      host.change = .delete
      return nil
    }
  }

  private func change(_ body: () -> OpaquePointer?) -> OpaquePointer? {
    guard !host.isQuery else { return trap("a query cannot change the value") }
    return withValue { _ in body() }
  }
}
