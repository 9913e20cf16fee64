import Cluster

/// The value of one key during one call: read when it is first asked for, stored when it changed.
final class ValueSlot<Value: Sendable> {
  let key: [UInt8]
  private let form: ValueForm<Value>
  private let maximumBytes: Int
  var record: Record?
  private var known: Known = .stored
  private var isChanged = false
  private var expiry = Expiry.keep

  private enum Known {
    /// As the record says.
    case stored
    case value(Value?)
  }

  init(_ key: [UInt8], _ record: Record?, _ form: ValueForm<Value>, maximumBytes: Int) {
    self.key = key
    self.record = record
    self.form = form
    self.maximumBytes = maximumBytes
  }

  /// - Throws: `CallError` for a key that is not the call's.
  func check(_ key: some StorageKey) throws(CallError) {
    guard key.keyBytes == self.key else {
      throw CallError(
        status: 500, code: "other_key",
        "a method that does not wait works on its first argument's value only; to use the values "
          + "of other keys, await them")
    }
  }

  var value: Value? {
    get throws(CallError) {
      if case .value(let value) = known { return value }
      let value = try form.value(of: record)
      known = .value(value)
      return value
    }
  }

  func change<Result>(
    default: @autoclosure () -> Value, _ expiry: Expiry, _ body: (inout Value) throws -> Result
  ) throws -> Result {
    var value = try value ?? `default`()
    return try changing(from: isChanged ? value : nil) {
      let result = try body(&value)
      note(value, expiry)
      return result
    }
  }

  func change<Result>(
    _ expiry: Expiry, _ body: (inout Value?) throws -> Result
  ) throws -> Result {
    var value = try value
    return try changing(from: isChanged ? value : nil) {
      let result = try body(&value)
      note(value, expiry)
      return result
    }
  }

  /// Runs a change while nothing else holds the value, so that arrays in it are not copied.
  ///
  /// - Parameter before: the value that stands when the change fails, if it is not the stored one.
  private func changing<Result>(
    from before: Value?, _ body: () throws -> Result
  ) throws -> Result {
    known = .stored
    do {
      return try body()
    } catch {
      if isChanged { known = .value(before) }
      throw error
    }
  }

  private func note(_ value: Value?, _ expiry: Expiry) {
    known = .value(value)
    isChanged = true
    if expiry != .keep { self.expiry = expiry }
  }

  /// What the call made of the value.
  /// - Throws: `CallError` for a value that cannot be stored.
  func outcome() throws(CallError) -> KeyCommand.Change {
    guard isChanged, case .value(let value) = known else { return .keep }
    guard let value else { return record == nil ? .keep : .delete }
    let bytes = try form.bytes(of: value)
    guard bytes.count <= maximumBytes else {
      throw CallError(Application.tooLarge(bytes.count, limit: maximumBytes))
    }
    if bytes == record?.value, expiry == .keep { return .keep }
    return .put(value: bytes, expiry: expiry.ofCommand)
  }
}
