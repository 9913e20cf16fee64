import CNghttp2
import Glibc
import Testing

@testable import HTTPTransport

/// The blocks that nghttp2 is given.
@Suite struct SessionMemoryTests {
  private func allocate(_ memory: SessionMemory, _ size: Int) -> UnsafeMutableRawPointer? {
    memory.callbacks.malloc(size, memory.callbacks.mem_user_data)
  }

  private func free(_ memory: SessionMemory, _ block: UnsafeMutableRawPointer?) {
    memory.callbacks.free(block, memory.callbacks.mem_user_data)
  }

  @Test("A block that was freed is given again to who asks for as much, and holds it")
  func reuse() throws {
    let memory = SessionMemory()
    var reused = 0
    for size in 1...1_000 {
      let block = try #require(allocate(memory, size))
      memset(block, 0xFF, size)
      free(memory, block)
      let again = try #require(allocate(memory, size))
      reused += again == block ? 1 : 0
      memset(again, 0xFF, size)
      free(memory, again)
    }
    // The C library rounds a few up further than asked: these wait for larger requests.
    #expect(reused > 900)
    #expect(memory.cachedBytes > 0)
  }

  @Test("Blocks in use never overlap, whatever was freed before them")
  func apart() throws {
    let memory = SessionMemory()
    var blocks: [(start: UnsafeMutableRawPointer, size: Int, mark: UInt8)] = []
    for round in 0..<4_000 {
      let size = 1 + round * 37 % 700
      let block = try #require(allocate(memory, size))
      let mark = UInt8(truncatingIfNeeded: round)
      memset(block, Int32(mark), size)
      blocks.append((block, size, mark))
      guard round % 3 == 0 else { continue }
      let old = blocks.remove(at: round * 13 % blocks.count)
      let bytes = UnsafeRawBufferPointer(start: old.start, count: old.size)
      #expect(bytes.allSatisfy { $0 == old.mark })
      free(memory, old.start)
    }
    for block in blocks { free(memory, block.start) }
  }

  @Test("Cleared blocks are clear, and moved ones keep what they held")
  func clearedAndMoved() throws {
    let memory = SessionMemory()
    let user = memory.callbacks.mem_user_data
    let dirty = try #require(allocate(memory, 200))
    memset(dirty, 0xFF, 200)
    free(memory, dirty)
    let clear = try #require(memory.callbacks.calloc(20, 10, user))
    #expect(UnsafeRawBufferPointer(start: clear, count: 200).allSatisfy { $0 == 0 })
    memset(clear, 7, 200)
    let moved = try #require(memory.callbacks.realloc(clear, 5_000, user))
    #expect(UnsafeRawBufferPointer(start: moved, count: 200).allSatisfy { $0 == 7 })
    free(memory, moved)
    #expect(memory.callbacks.calloc(.max, 2, user) == nil)
  }

  @Test("No more is kept than the limit, and what a burst left goes back by and by")
  func bounded() {
    let none = SessionMemory(limit: 0)
    free(none, allocate(none, 100))
    #expect(none.cachedBytes == 0)
    let memory = SessionMemory()
    let blocks = (0..<8_000).map { _ in allocate(memory, 1_000) }
    for block in blocks { free(memory, block) }
    let burst = memory.cachedBytes
    #expect(burst > 4 << 20)
    for _ in 0..<64 { memory.trim() }
    #expect(memory.cachedBytes <= 1 << 20)
  }
}
