// What a module of ScaledStorage needs around its methods, in Embedded Swift: the arguments of a
// call, the value under its key, the answer, and the memory that Swift allocates. Copy this file
// beside your own; counter/counter.swift shows what a method looks like.
//
// A module has one thread. What it keeps in its own variables is a cache of the node: it is lost
// when the node starts again, when the module is upgraded, and after a trap.

/// Runs a method: gives the call to `method` and sends what it returns, or its rejection. Nothing
/// is stored for a call that is rejected or traps.
func answer(_ method: (inout Call) throws(Reject) -> Answer) {
  do throws(Reject) {
    var call = try Call()
    let answer = try method(&call)
    append(answer.message.start, answer.message.count)
    reply()
  } catch {
    error.message.withUnsafeBytes { reject($0.baseAddress, $0.count) }
  }
}

/// Ends a call without an effect; the caller gets the message, UTF-8.
struct Reject: Error {
  var message: [UInt8]

  @inline(never)
  init(_ message: StaticString) { self.message = message.withUTF8Buffer { [UInt8]($0) } }
  init(message: [UInt8]) { self.message = message }

  /// Says which argument, counted from 1, and what is to be said of it.
  fileprivate init(argument: Int, _ problem: StaticString, _ type: StaticString = "") {
    self.init("argument ")
    if argument > 9 { message.append(UInt8(0x30 + argument / 10)) }
    message.append(UInt8(0x30 + argument % 10))
    problem.withUTF8Buffer { message += $0 }
    type.withUTF8Buffer { message += $0 }
  }
}

/// The value under the key of the call.
enum Value {
  /// The bytes of the value; nil where there is none.
  static var size: Int? {
    let size = valueSize()
    return size < 0 ? nil : size
  }

  /// The value; nil where there is none.
  static func read() -> [UInt8]? { size.map { read(0..<$0) } }
  /// The bytes of the value in `range`, which must lie within it; it traps otherwise.
  static func read(_ range: Range<Int>) -> [UInt8] {
    filled(range.count) { if !range.isEmpty { valueCopy($0, range.lowerBound, range.count) } }
  }

  /// Sets the value when the call succeeds; its time of expiry stays. A query traps.
  static func write(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { valueSet($0.baseAddress, $0.count) }
  }
  static func write(_ bytes: borrowing Bytes) { valueSet(bytes.start, bytes.count) }
  static func write(_ number: UInt64) {
    withUnsafeBytes(of: number) { valueSet($0.baseAddress, 8) }
  }

  /// Removes the value when the call succeeds. A query traps.
  static func delete() { valueDelete() }

  /// A value of 8 bytes, the lowest first; 0 where there is none.
  static func nat64() throws(Reject) -> UInt64 {
    guard let size else { return 0 }
    guard size == 8 else { throw Reject("the value under this key is no number of 8 bytes") }
    var number: UInt64 = 0
    withUnsafeMutableBytes(of: &number) { valueCopy($0.baseAddress, 0, 8) }
    return number
  }
}

/// What the node tells and takes beside the value.
enum Host {
  /// Nanoseconds since 1970; the same throughout a call.
  static var time: UInt64 { hostTime() }
  /// The principal of the caller.
  static var caller: [UInt8] { filled(callerSize()) { callerCopy($0, 0, callerSize()) } }

  /// Writes to the node's log.
  static func print(_ text: StaticString) {
    text.withUTF8Buffer { debugPrint($0.baseAddress, $0.count) }
  }

  /// Ends the call without an effect and gives up the module's memory.
  static func trap(_ text: StaticString) -> Never {
    text.withUTF8Buffer { hostTrap($0.baseAddress, $0.count) }
    while true {}
  }
}

// MARK: Arguments

/// The arguments of a call, read one after the other in the order of the interface. Further ones
/// do no harm, as Candid says. A read is rejected where the argument is missing or of another type.
struct Call: ~Copyable {
  private let message: Bytes
  /// The types of the message's table that are blobs, one bit each.
  private var blobs: UInt64 = 0
  /// Where the next argument's type is, and its value.
  private var types = 4
  private var values = 0
  private var count = 0
  /// Of the argument read last, counted from 1.
  private var place = 0

  /// The whole message, for types that are not read here.
  var bytes: [UInt8] { filled(message.count) { argumentCopy($0, 0, message.count) } }

  fileprivate init() throws(Reject) {
    var copy = Bytes(capacity: argumentSize())
    argumentCopy(copy.extend(argumentSize()), 0, argumentSize())
    message = copy
    guard message.count > 4, message.number(at: 0, as: UInt32.self) == 0x4c44_4944 else {
      throw Reject("the arguments are no Candid message")
    }
    try readTable()
    let announced = try message.unsigned(&types)
    guard announced <= 64 else { throw Reject("there are more than 64 arguments") }
    count = Int(announced)
    values = types
    for _ in 0..<count { _ = try message.type(&values) }
  }

  /// Notes which types of the table are blobs; the others are passed over.
  private mutating func readTable() throws(Reject) {
    let count = try message.unsigned(&types)
    guard count <= 64 else { throw Reject("the arguments have more than 64 types") }
    for index in 0..<count {
      switch try message.type(&types) {
      case -18: _ = try message.type(&types)  // opt
      case -19: if try message.type(&types) == -5 { blobs |= 1 << index }  // vec
      case -20, -21:  // record, variant
        for _ in 0..<(try message.unsigned(&types)) {
          _ = (try message.unsigned(&types), try message.type(&types))
        }
      default: throw Reject("the arguments have a type that this module does not read")
      }
    }
  }

  private mutating func next(_ wanted: StaticString) throws(Reject) -> Int64 {
    place += 1
    guard place <= count else { throw Reject(argument: place, " is missing: ", wanted) }
    return try message.type(&types)
  }

  private mutating func expect(_ code: Int64, _ name: StaticString) throws(Reject) {
    guard try next(name) == code else { throw Reject(argument: place, " must be ", name) }
  }

  private func isBlob(_ type: Int64) -> Bool {
    type >= 0 && type < 64 && blobs & (1 << type) != 0
  }

  /// A length, and where so many bytes are.
  private mutating func counted() throws(Reject) -> Range<Int> {
    let length = try message.unsigned(&values)
    let start = values
    guard length <= message.count - start else { throw Reject("the arguments are cut off") }
    values += Int(length)
    return start..<values
  }

  private mutating func copied() throws(Reject) -> [UInt8] {
    let range = try counted()
    return filled(range.count) { argumentCopy($0, range.lowerBound, range.count) }
  }

  private mutating func number<Number: FixedWidthInteger>(
    _ code: Int64, _ name: StaticString, as: Number.Type = Number.self
  ) throws(Reject) -> Number {
    try expect(code, name)
    let size = Number.bitWidth / 8
    guard message.count - values >= size else { throw Reject("the arguments are cut off") }
    values += size
    return message.number(at: values - size)
  }

  /// Passes over the key, a text or blob: the node has found the value by it.
  mutating func skipKey() throws(Reject) {
    let type = try next("text or blob")
    guard type == -15 || isBlob(type) else {
      throw Reject(argument: place, " must be text or blob")
    }
    _ = try counted()
  }

  mutating func text() throws(Reject) -> String {
    try expect(-15, "text")
    guard let text = String(validating: try copied(), as: UTF8.self) else {
      throw Reject(argument: place, " is no UTF-8")
    }
    return text
  }

  mutating func blob() throws(Reject) -> [UInt8] {
    guard isBlob(try next("blob")) else { throw Reject(argument: place, " must be blob") }
    return try copied()
  }

  /// A `nat` that fits into 64 bits.
  mutating func nat() throws(Reject) -> UInt64 {
    try expect(-3, "nat")
    return try message.unsigned(&values)
  }

  mutating func nat8() throws(Reject) -> UInt8 { try number(-5, "nat8") }
  mutating func nat32() throws(Reject) -> UInt32 { try number(-7, "nat32") }
  mutating func nat64() throws(Reject) -> UInt64 { try number(-8, "nat64") }
  mutating func int64() throws(Reject) -> Int64 { try number(-12, "int64") }
}

// MARK: Answers

/// What a method answers: a Candid message.
struct Answer: ~Copyable {
  fileprivate var message: Bytes

  /// No value: `-> ()`.
  static var nothing: Answer { Answer("DIDL\0\0") }

  static func nat64(_ number: UInt64) -> Answer {
    var answer = Answer("DIDL\0\u{1}x")
    answer.message.append(number)
    return answer
  }

  static func text(_ text: String) -> Answer {
    var answer = Answer("DIDL\0\u{1}q")
    var text = text
    text.withUTF8 { answer.message.append(counted: UnsafeRawBufferPointer($0)) }
    return answer
  }

  static func blob(_ blob: [UInt8]) -> Answer {
    var answer = Answer("DIDL\u{1}m{\u{1}\0")
    blob.withUnsafeBytes { answer.message.append(counted: $0) }
    return answer
  }

  /// The beginning of a `vec blob` of so many blobs, which `append(blob:)` must add.
  static func blobs(_ count: Int, capacity: Int = 0) -> Answer {
    var answer = Answer("DIDL\u{2}m\u{1}m{\u{1}\0", capacity: capacity)
    answer.message.append(length: count)
    return answer
  }

  mutating func append(blob: ArraySlice<UInt8>) {
    blob.withUnsafeBytes { message.append(counted: $0) }
  }

  /// A message that the module makes itself, with `DIDL` at its beginning.
  init(message: consuming Bytes) { self.message = message }

  /// A message's beginning: the types, as ASCII shows them.
  private init(_ types: StaticString, capacity: Int = 16) {
    message = Bytes(capacity: types.utf8CodeUnitCount + capacity)
    types.withUTF8Buffer { message.append(UnsafeRawBufferPointer($0)) }
  }
}

// MARK: Memory

/// Bytes that grow at their end. Numbers have their lowest byte first.
struct Bytes: ~Copyable {
  fileprivate private(set) var start: To?
  private(set) var count = 0
  private var capacity: Int

  init(capacity: Int = 0) {
    self.capacity = capacity
    start = capacity == 0 ? nil : Heap.allocate(UInt(capacity))
    if capacity > 0, start == nil { Host.trap("the module's memory is exhausted") }
  }

  /// The bytes of the value in `range`, which must lie within it; it traps otherwise.
  init(value range: Range<Int>) {
    self.init(capacity: range.count)
    append(value: range)
  }

  deinit { if let start { Heap.release(start) } }

  /// Makes room at the end, for the caller to fill.
  fileprivate mutating func extend(_ size: Int) -> To? {
    if size > capacity - count {
      var larger = Bytes(capacity: max(count + size, 2 * capacity))
      if let start { larger.start?.copyMemory(from: start, byteCount: count) }
      larger.count = count
      self = larger
    }
    count += size
    return start.map { $0 + (count - size) }
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    extend(bytes.count)?.copyMemory(from: source, byteCount: bytes.count)
  }

  mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }
  mutating func append(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number) { append($0) }
  }
  mutating func append(value range: Range<Int>) {
    if !range.isEmpty { valueCopy(extend(range.count), range.lowerBound, range.count) }
  }

  /// A length as Candid writes it: LEB128.
  mutating func append(length: Int) {
    if length >= 0x80 {
      append(UInt8(truncatingIfNeeded: length) | 0x80)
      append(length: length >> 7)
    } else {
      append(UInt8(truncatingIfNeeded: length))
    }
  }

  fileprivate mutating func append(counted bytes: UnsafeRawBufferPointer) {
    append(length: bytes.count)
    append(bytes)
  }

  fileprivate func byte(_ position: inout Int) throws(Reject) -> UInt8 {
    guard position < count else { throw Reject("the arguments are cut off") }
    position += 1
    return number(at: position - 1)
  }

  /// An unsigned number in LEB128, of at most 64 bits.
  fileprivate func unsigned(_ position: inout Int) throws(Reject) -> UInt64 {
    var number: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte(&position)
      let bits = UInt64(byte & 0x7f)
      guard shift < (bits < 2 ? 64 : 63) else { throw Reject("a number exceeds 64 bits") }
      number |= bits << shift
      if byte < 0x80 { return number }
      shift += 7
    }
  }

  /// A type: a signed number in LEB128, of at most 35 bits.
  fileprivate func type(_ position: inout Int) throws(Reject) -> Int64 {
    let start = position
    let number = try unsigned(&position)
    let shift = 64 - 7 * Int64(position - start)
    guard shift >= 29 else { throw Reject("the arguments name a type that is none") }
    return Int64(bitPattern: number << shift) >> shift
  }

  /// The number at `position`; it traps where that is not within the bytes.
  func number<Number: FixedWidthInteger>(at position: Int, as: Number.Type = Number.self) -> Number
  {
    let size = Number.bitWidth / 8
    guard let start, position >= 0, size <= count, position <= count - size else {
      Host.trap("a number is read from beyond the end")
    }
    return (start + position).loadUnaligned(as: Number.self)
  }
}

/// An array of `count` bytes that `fill` writes, all of them.
private func filled(_ count: Int, _ fill: (To?) -> Void) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
    fill(buffer.baseAddress)
    initialized = count
  }
}

/// The allocator, below Swift's arrays, strings and classes too. Blocks have one of a few sizes,
/// four to a doubling. A freed one goes back to the end of memory if it lies there, as most do when
/// a call is over, and else waits in its size's list; blocks are never cut or joined.
private enum Heap {
  /// Of blocks, and the size of a block's header, which tells its size.
  static var alignment: UInt { 16 }
  /// Where the heads of the lists are, 0 before the first use, and the unused memory behind them.
  nonisolated(unsafe) static var lists: UInt = 0
  nonisolated(unsafe) static var unused: UInt = 0
  nonisolated(unsafe) static var end: UInt = 0

  /// The size of block that holds `size` bytes, and the head of its list.
  static func block(for size: UInt) -> (size: UInt, head: UnsafeMutablePointer<UInt>?) {
    guard size > 64 else {
      let rounded = max(alignment, (size + 15) & ~15)
      return (rounded, UnsafeMutablePointer(bitPattern: lists + (rounded / 4 - 4)))
    }
    let exponent = UInt(UInt.bitWidth - 1 - (size - 1).leadingZeroBitCount)
    let steps = ((size - 1) >> (exponent - 2)) + 1
    let head = UnsafeMutablePointer<UInt>(bitPattern: lists + 4 * (4 * (exponent - 5) + steps - 5))
    return (steps << (exponent - 2), head)
  }

  static func allocate(_ wanted: UInt) -> To? {
    guard wanted <= 1 << 30, lists != 0 || start() else { return nil }
    let (size, head) = block(for: wanted)
    if let head, let block = To(bitPattern: head.pointee) {
      head.pointee = block.load(as: UInt.self)
      return block
    }
    guard take(size + alignment) else { return nil }
    To(bitPattern: unused)?.storeBytes(of: size, as: UInt.self)
    unused += size + alignment
    return To(bitPattern: unused - size)
  }

  static func release(_ block: To) {
    let size = (block - Int(alignment)).load(as: UInt.self)
    if UInt(bitPattern: block) + size == unused {
      unused -= size + alignment
    } else if let head = self.block(for: size).head {
      block.storeBytes(of: head.pointee, as: UInt.self)
      head.pointee = UInt(bitPattern: block)
    }
  }

  /// The heads of 4 + 4 * 25 lists fit into 512 bytes.
  private static func start() -> Bool {
    end = UInt(memorySize(0)) * 65536
    unused = end
    guard take(512) else { return false }
    lists = unused
    unused += 512
    return true
  }

  /// Makes sure that so many bytes are there from `unused` on.
  private static func take(_ size: UInt) -> Bool {
    guard end - unused < size else { return true }
    let pages = (size - (end - unused) + 65535) / 65536
    guard memoryGrow(0, Int32(pages)) >= 0 else { return false }
    end += pages * 65536
    return true
  }
}

@_cdecl("posix_memalign")
func posixMemalign(_ to: UnsafeMutablePointer<UInt>, _ alignment: UInt, _ size: UInt) -> Int32 {
  to.pointee = alignment <= 16 ? UInt(bitPattern: Heap.allocate(size)) : 0
  return to.pointee == 0 ? 12 : 0
}

// Swift reserves the name itself for its runtime; the linker's --wrap=free leads here.
@_cdecl("__wrap_free")
func wrapFree(_ block: UnsafeMutableRawPointer?) { if let block { Heap.release(block) } }

// What these do becomes single instructions of WebAssembly.

@_cdecl("memmove")
func memmove(_ to: UInt, _ from: UInt, _ size: Int) -> UInt {
  if let from = From(bitPattern: from) {
    To(bitPattern: to)?.copyMemory(from: from, byteCount: size)
  }
  return to
}

@_cdecl("memset")
func memset(_ to: UInt, _ byte: Int32, _ size: Int) -> UInt {
  let byte = UInt8(truncatingIfNeeded: byte)
  To(bitPattern: to)?.initializeMemory(as: UInt8.self, repeating: byte, count: size)
  return to
}

@_extern(c, "llvm.wasm.memory.size.i32")
private func memorySize(_ memory: Int32) -> Int32
@_extern(c, "llvm.wasm.memory.grow.i32")
private func memoryGrow(_ memory: Int32, _ pages: Int32) -> Int32

// MARK: Imports
private typealias From = UnsafeRawPointer
private typealias To = UnsafeMutableRawPointer

@_extern(wasm, module: "ic0", name: "msg_arg_data_size") @_extern(c)
private func argumentSize() -> Int
@_extern(wasm, module: "ic0", name: "msg_arg_data_copy") @_extern(c)
private func argumentCopy(_ to: To?, _ offset: Int, _ size: Int)
@_extern(wasm, module: "ic0", name: "msg_reply_data_append") @_extern(c)
private func append(_ from: From?, _ size: Int)
@_extern(wasm, module: "ic0", name: "msg_reply") @_extern(c) private func reply()
@_extern(wasm, module: "ic0", name: "msg_reject") @_extern(c)
private func reject(_ from: From?, _ size: Int)
@_extern(wasm, module: "ic0", name: "msg_caller_size") @_extern(c) private func callerSize() -> Int
@_extern(wasm, module: "ic0", name: "msg_caller_copy") @_extern(c)
private func callerCopy(_ to: To?, _ offset: Int, _ size: Int)
@_extern(wasm, module: "ic0", name: "time") @_extern(c) private func hostTime() -> UInt64
@_extern(wasm, module: "ic0", name: "debug_print") @_extern(c)
private func debugPrint(_ from: From?, _ size: Int)
@_extern(wasm, module: "ic0", name: "trap") @_extern(c)
private func hostTrap(_ from: From?, _ size: Int)
@_extern(wasm, module: "scaled", name: "value_size") @_extern(c) private func valueSize() -> Int
@_extern(wasm, module: "scaled", name: "value_copy") @_extern(c)
private func valueCopy(_ to: To?, _ offset: Int, _ size: Int)
@_extern(wasm, module: "scaled", name: "value_set") @_extern(c)
private func valueSet(_ from: From?, _ size: Int)
@_extern(wasm, module: "scaled", name: "value_delete") @_extern(c) private func valueDelete()
