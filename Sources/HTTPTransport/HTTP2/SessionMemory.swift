import CLinux
import CNghttp2
import Glibc

/// The memory of one loop's nghttp2 sessions: small blocks that are freed are kept by size and
/// given out again, up to a bound. nghttp2 allocates five or six of them for each request, and the
/// general allocator needs several times as long for one.
///
/// Used on the loop's thread only. It must outlive its sessions, each of which keeps it.
final class SessionMemory {
  /// Blocks of one size, linked through their first word.
  private struct Pool {
    var cachedBytes = 0
    /// The fewest bytes that were kept since the last trim: nobody needed these.
    var idleBytes = 0
    let limit: Int
    let lists: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  }

  /// The general allocator's blocks hold 24, 40, 56 … bytes.
  private static let classCount = 64
  private static let largest = 16 * (classCount - 1) + 8
  /// Bytes that are kept at most by default, and those that are kept however few are used.
  static let usualLimit = 32 << 20
  private static let leastKept = 1 << 20

  private let pool: UnsafeMutablePointer<Pool>
  var callbacks = nghttp2_mem()

  /// - Parameter limit: bytes of free blocks that are kept at most; 0 hands every block back at
  ///   once, so that a checker of memory sees each use after free.
  init(limit: Int = SessionMemory.usualLimit) {
    let lists = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(
      capacity: SessionMemory.classCount)
    lists.initialize(repeating: nil, count: SessionMemory.classCount)
    pool = .allocate(capacity: 1)
    pool.initialize(to: Pool(limit: limit, lists: lists))
    callbacks = nghttp2_mem(
      mem_user_data: pool,
      malloc: { size, user in SessionMemory.allocate(size, user) },
      free: { block, user in SessionMemory.free(block, user) },
      calloc: { count, size, user in SessionMemory.allocateZeroed(count, size, user) },
      realloc: { block, size, user in SessionMemory.reallocate(block, size, user) })
  }

  deinit {
    release(downTo: 0)
    pool.pointee.lists.deallocate()
    pool.deallocate()
  }

  /// Bytes of free blocks that are kept.
  var cachedBytes: Int { pool.pointee.cachedBytes }

  /// Frees half of what a burst has left behind; to be called now and then.
  func trim() {
    let idle = pool.pointee.idleBytes
    release(downTo: max(pool.pointee.cachedBytes - idle / 2, SessionMemory.leastKept))
    pool.pointee.idleBytes = pool.pointee.cachedBytes
  }

  private func release(downTo bytes: Int) {
    for index in 0..<SessionMemory.classCount {
      while pool.pointee.cachedBytes > bytes, let block = pool.pointee.lists[index] {
        pool.pointee.lists[index] = block.load(as: UnsafeMutableRawPointer?.self)
        pool.pointee.cachedBytes -= index * 16
        Glibc.free(block)
      }
    }
  }

  private static func allocate(
    _ size: Int, _ user: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    guard let pool = user?.assumingMemoryBound(to: Pool.self), size <= largest else {
      return malloc(size)
    }
    let index = size <= 24 ? 1 : (size &+ 7) &>> 4
    guard let block = pool.pointee.lists[index] else { return malloc(index &* 16 &+ 8) }
    pool.pointee.lists[index] = block.load(as: UnsafeMutableRawPointer?.self)
    pool.pointee.cachedBytes &-= index &* 16
    if pool.pointee.cachedBytes < pool.pointee.idleBytes {
      pool.pointee.idleBytes = pool.pointee.cachedBytes
    }
    return block
  }

  private static func free(_ block: UnsafeMutableRawPointer?, _ user: UnsafeMutableRawPointer?) {
    guard let block else { return }
    // Rounded down: other allocators hand out other sizes.
    let usable = malloc_usable_size(block)
    let index = usable < 24 ? 0 : (usable &- 8) &>> 4
    guard let pool = user?.assumingMemoryBound(to: Pool.self), index > 0, index < classCount,
      pool.pointee.cachedBytes &+ index &* 16 <= pool.pointee.limit
    else {
      Glibc.free(block)
      return
    }
    block.storeBytes(of: pool.pointee.lists[index], as: UnsafeMutableRawPointer?.self)
    pool.pointee.lists[index] = block
    pool.pointee.cachedBytes &+= index &* 16
  }

  private static func allocateZeroed(
    _ count: Int, _ size: Int, _ user: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    guard !overflow else { return nil }
    // Large blocks come zeroed from the system, untouched.
    guard bytes <= largest else { return calloc(count, size) }
    let block = allocate(bytes, user)
    if let block { memset(block, 0, bytes) }
    return block
  }

  private static func reallocate(
    _ block: UnsafeMutableRawPointer?, _ size: Int, _ user: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    guard let block else { return allocate(size, user) }
    if size > 0, size <= malloc_usable_size(block) { return block }
    return realloc(block, size)
  }
}
