// A counter for each key: 8 bytes, the lowest first.

@_expose(wasm, "canister_update add")
@_cdecl("add")
func add() {
  answer { call throws(Reject) in
    try call.skipKey()
    let (sum, overflow) = try Value.nat64().addingReportingOverflow(try call.nat64())
    if overflow { throw Reject("the counter would exceed 64 bits") }
    Value.write(sum)
    return .nat64(sum)
  }
}

@_expose(wasm, "canister_query get")
@_cdecl("get")
func get() {
  answer { _ throws(Reject) in .nat64(try Value.nat64()) }
}

@_expose(wasm, "canister_update reset")
@_cdecl("reset")
func reset() {
  answer { _ throws(Reject) in
    Value.delete()
    return .nothing
  }
}
