internal import Synchronization

/// The signatures of the Swift types that the program uses, found without a lock.
///
/// A table with open addressing that only grows fuller: an entry is written once, and never moved
/// or freed. Types beyond its capacity are kept behind a lock.
@usableFromInline
final class SignatureCache: Sendable {
  @usableFromInline static let shared = SignatureCache()

  private final class Entry: Sendable {
    let id: ObjectIdentifier
    let signature: CandidSignature

    init(_ id: ObjectIdentifier, _ signature: CandidSignature) {
      self.id = id
      self.signature = signature
    }
  }

  private static let slotCount = 1_024
  /// The table is left half empty, so that searches end soon.
  private static let capacity = slotCount / 2

  private struct Overflow {
    var count = 0
    var signatures: [ObjectIdentifier: CandidSignature] = [:]
  }

  private let slots = Slots()
  private let overflow = Mutex(Overflow())

  /// Memory for atomics, which must not move.
  private struct Slots: @unchecked Sendable {
    let first: UnsafeMutablePointer<Atomic<UnsafeRawPointer?>>

    init() {
      first = .allocate(capacity: SignatureCache.slotCount)
      for index in 0..<SignatureCache.slotCount { (first + index).initialize(to: Atomic(nil)) }
    }

    func load(_ index: Int) -> Entry? {
      guard let entry = (first + index).pointee.load(ordering: .acquiring) else { return nil }
      return Unmanaged<Entry>.fromOpaque(entry).takeUnretainedValue()
    }

    func store(_ entry: Entry, at index: Int) {
      let pointer = UnsafeRawPointer(Unmanaged.passRetained(entry).toOpaque())
      (first + index).pointee.store(pointer, ordering: .releasing)
    }
  }

  private static func slot(_ id: ObjectIdentifier) -> Int {
    let mixed = UInt64(UInt(bitPattern: id)) &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: mixed >> 54)
  }

  @usableFromInline
  func signature(of id: ObjectIdentifier) -> CandidSignature? {
    var index = Self.slot(id)
    while let entry = slots.load(index) {
      if entry.id == id { return entry.signature }
      index = (index + 1) % Self.slotCount
    }
    return overflow.withLock { $0.signatures[id] }
  }

  func insert(_ signature: CandidSignature, for id: ObjectIdentifier) {
    overflow.withLock { overflow in
      guard overflow.count < Self.capacity else {
        overflow.signatures[id] = signature
        return
      }
      var index = Self.slot(id)
      while let entry = slots.load(index) {
        if entry.id == id { return }
        index = (index + 1) % Self.slotCount
      }
      slots.store(Entry(id, signature), at: index)
      overflow.count += 1
    }
  }
}
