// A log for each key. Its value holds the entries one after the other, then where each of them
// ends, then how many there are, then a mark, 4 bytes each. So entries are found without passing
// over those before them. An append writes the whole value again, since values are stored as a
// whole: that is why a log is bounded.

private enum Log {
  /// `log1`.
  static var mark: UInt32 { 0x3167_6f6c }
  /// Bytes of a value, as nodes take by default.
  static var greatest: Int { 1 << 20 }

  /// How many entries the value has, and where their ends are noted.
  static func shape() throws(Reject) -> (count: Int, index: Int) {
    guard let size = Value.size else { return (0, 0) }
    guard size >= 8 else { throw Reject("the value under this key is no log") }
    let trailer = Bytes(value: size - 8..<size)
    let count = trailer.number(at: 0, as: UInt32.self)
    guard trailer.number(at: 4) == mark, count <= (size - 8) / 4 else {
      throw Reject("the value under this key is no log")
    }
    return (Int(count), size - 8 - 4 * Int(count))
  }
}

@_expose(wasm, "canister_update append")
@_cdecl("append_entry")
func appendEntry() {
  answer { call throws(Reject) in
    try call.skipKey()
    let entry = try call.blob()
    let (count, index) = try Log.shape()
    let size = index + entry.count + 4 * (count + 1) + 8
    guard size <= Log.greatest else {
      throw Reject("the log is full: with this entry its value would exceed 1 MiB; clear it")
    }
    var value = Bytes(capacity: size)
    value.append(value: 0..<index)
    value.append(entry)
    value.append(value: index..<index + 4 * count)
    value.append(UInt32(index + entry.count))
    value.append(UInt32(count + 1))
    value.append(Log.mark)
    Value.write(value)
    return .nat64(UInt64(count + 1))
  }
}

@_expose(wasm, "canister_query read")
@_cdecl("read_entries")
func readEntries() {
  answer { call throws(Reject) in
    try call.skipKey()
    let (from, wanted) = (try call.nat64(), try call.nat64())
    let (count, index) = try Log.shape()
    guard from < count, wanted > 0 else { return .blobs(0) }
    let first = Int(from)
    let last = first + Int(min(wanted, UInt64(count - first)))
    // The first entry begins where the one before it ends.
    let before = max(0, first - 1)
    let ends = Bytes(value: index + 4 * before..<index + 4 * last)
    let origin = first == 0 ? 0 : ends.number(at: 0, as: UInt32.self)
    let end = ends.number(at: 4 * (last - before - 1), as: UInt32.self)
    guard origin <= end, end <= index else { throw Reject("the value under this key is no log") }
    let entries = Value.read(Int(origin)..<Int(end))
    var answer = Answer.blobs(last - first, capacity: entries.count + 4 * (last - first))
    var start = 0
    for entry in first..<last {
      let end = Int(truncatingIfNeeded: ends.number(at: 4 * (entry - before)) &- origin)
      guard start <= end, end <= entries.count else {
        throw Reject("the value under this key is no log")
      }
      answer.append(blob: entries[start..<end])
      start = end
    }
    return answer
  }
}

@_expose(wasm, "canister_update clear")
@_cdecl("clear")
func clear() {
  answer { _ throws(Reject) in
    Value.delete()
    return .nothing
  }
}
