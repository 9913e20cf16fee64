import CNghttp2
import Glibc

/// The memory of nghttp2's sessions on one loop: freed blocks are kept by size and given out again,
/// which costs a fraction of the system's allocator when many streams come and go at once.
///
/// It belongs to the loop's thread. Every session's owner keeps it until the session is deleted.
final class SessionMemory {
  /// What nghttp2 is given when it makes a session.
  let callbacks: UnsafeMutablePointer<nghttp2_mem>
  private let classes: UnsafeMutablePointer<SizeClass>

  init() {
    classes = .allocate(capacity: SizeClass.count)
    classes.initialize(repeating: SizeClass(), count: SizeClass.count)
    callbacks = .allocate(capacity: 1)
    callbacks.initialize(
      to: nghttp2_mem(
        mem_user_data: UnsafeMutableRawPointer(classes),
        malloc: { size, user in SessionMemory.allocate(size, user) },
        free: { block, user in SessionMemory.free(block, user) },
        calloc: { count, size, user in
          let (total, overflow) = count.multipliedReportingOverflow(by: size)
          guard !overflow, let block = SessionMemory.allocate(total, user) else { return nil }
          return memset(block, 0, total)
        },
        realloc: { block, size, user in SessionMemory.reallocate(block, size, user) }))
  }

  deinit {
    for index in 0..<SizeClass.count {
      while let block = classes[index].pop() { Glibc.free(block) }
    }
    classes.deallocate()
    callbacks.deallocate()
  }

  /// Before each block stands the number of its class; this much keeps the block aligned.
  private static let prefix = 16

  private static func allocate(
    _ size: Int, _ user: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    guard let user, size >= 0, size < 1 << 40 else { return nil }
    let index = SizeClass.index(of: size)
    if index < SizeClass.count,
      let block = user.assumingMemoryBound(to: SizeClass.self)[index].pop()
    {
      return block + prefix
    }
    let bytes = index < SizeClass.count ? SizeClass.size(index) : size
    guard let block = Glibc.malloc(bytes + prefix) else { return nil }
    block.storeBytes(of: index, as: Int.self)
    block.storeBytes(of: bytes, toByteOffset: 8, as: Int.self)
    return block + prefix
  }

  private static func free(
    _ pointer: UnsafeMutableRawPointer?, _ user: UnsafeMutableRawPointer?
  ) {
    guard let pointer, let user else { return }
    let block = pointer - prefix
    let index = block.load(as: Int.self)
    guard index < SizeClass.count,
      user.assumingMemoryBound(to: SizeClass.self)[index].push(block, SizeClass.size(index))
    else {
      Glibc.free(block)
      return
    }
  }

  private static func reallocate(
    _ pointer: UnsafeMutableRawPointer?, _ size: Int, _ user: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    guard let pointer else { return allocate(size, user) }
    let held = (pointer - prefix).load(fromByteOffset: 8, as: Int.self)
    guard size > held else { return pointer }
    guard let moved = allocate(size, user) else { return nil }
    memcpy(moved, pointer, held)
    free(pointer, user)
    return moved
  }
}

/// The free blocks of one size, linked through the word after their prefix.
private struct SizeClass {
  private var first: UnsafeMutableRawPointer?
  private var kept = 0

  /// 64, 128, 256, 512, 1,024 and 2,048 bytes; larger blocks are the system's.
  static let count = 6
  private static let smallest = 6
  /// Bytes of free blocks that are kept.
  private static let limit = 1 << 20

  static func size(_ index: Int) -> Int { 1 << (smallest + index) }

  static func index(of size: Int) -> Int {
    guard size > 1 << smallest else { return 0 }
    return Int.bitWidth - (size - 1).leadingZeroBitCount - smallest
  }

  mutating func pop() -> UnsafeMutableRawPointer? {
    guard let block = first else { return nil }
    first = block.load(fromByteOffset: 16, as: UnsafeMutableRawPointer?.self)
    kept -= 1
    return block
  }

  /// Returns false when enough is kept.
  mutating func push(_ block: UnsafeMutableRawPointer, _ size: Int) -> Bool {
    guard kept * size < Self.limit else { return false }
    block.storeBytes(of: first, toByteOffset: 16, as: UnsafeMutableRawPointer?.self)
    first = block
    kept += 1
    return true
  }
}
