internal import Synchronization

/// The signatures of the Swift types that the program uses, found without a lock.
///
/// A table with open addressing that only grows fuller: an entry is written once, and never moved
/// or freed. Types beyond its capacity are kept behind a lock.
@usableFromInline
final class SignatureCache: Sendable {
  @usableFromInline static let shared = SignatureCache()

  /// A list of types. Of up to two it holds each, of more the type of their tuple, which takes the
  /// runtime longer to find.
  @usableFromInline
  struct Key: Hashable, Sendable {
    @usableFromInline let first: UInt
    @usableFromInline let second: UInt

    @inlinable
    init<each Argument>(_: repeat (each Argument).Type) {
      var count = 0
      var ids: (UInt, UInt) = (0, 0)
      for type in repeat (each Argument).self {
        let id = UInt(bitPattern: ObjectIdentifier(type))
        if count == 0 { ids.0 = id } else { ids.1 = id }
        count += 1
      }
      // No address of a type is 1.
      first = count > 2 ? UInt(bitPattern: ObjectIdentifier((repeat each Argument).self)) : ids.0
      second = count > 2 ? 1 : ids.1
    }
  }

  private struct Entry {
    let key: Key
    let signature: CandidSignature
  }

  private static let slotCount = 1_024
  /// The table is left half empty, so that searches end soon.
  private static let capacity = slotCount / 2

  private struct Overflow {
    var count = 0
    var signatures: [Key: CandidSignature] = [:]
  }

  private let slots = Slots()
  private let overflow = Mutex(Overflow())

  /// Memory for atomics, which must not move, and for the entries that they point to.
  private struct Slots: @unchecked Sendable {
    private let first: UnsafeMutablePointer<Atomic<UnsafePointer<Entry>?>>

    init() {
      first = .allocate(capacity: SignatureCache.slotCount)
      for index in 0..<SignatureCache.slotCount { (first + index).initialize(to: Atomic(nil)) }
    }

    func load(_ index: Int) -> UnsafePointer<Entry>? {
      (first + index).pointee.load(ordering: .acquiring)
    }

    func store(_ entry: Entry, at index: Int) {
      let memory = UnsafeMutablePointer<Entry>.allocate(capacity: 1)
      memory.initialize(to: entry)
      (first + index).pointee.store(UnsafePointer(memory), ordering: .releasing)
    }
  }

  private static func slot(_ key: Key) -> Int {
    let mixed = UInt64(key.first &+ key.second &* 31) &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: mixed >> 54)
  }

  @usableFromInline
  func signature(of key: Key) -> CandidSignature? {
    var index = Self.slot(key)
    while let entry = slots.load(index) {
      if entry.pointee.key == key { return entry.pointee.signature }
      index = (index + 1) & (Self.slotCount - 1)
    }
    return overflow.withLock { $0.signatures[key] }
  }

  func insert(_ signature: CandidSignature, for key: Key) {
    overflow.withLock { overflow in
      guard overflow.count < Self.capacity else {
        overflow.signatures[key] = signature
        return
      }
      var index = Self.slot(key)
      while let entry = slots.load(index) {
        if entry.pointee.key == key { return }
        index = (index + 1) & (Self.slotCount - 1)
      }
      slots.store(Entry(key: key, signature: signature), at: index)
      overflow.count += 1
    }
  }
}
