import HTTPTransport
import Storage
import Testing

@testable import ScaledStorage

@Suite("What is told of commits that fail")
struct CommitFailuresTests {
  private let full = StorageError(.noSpace, "the disk is full")

  private func time(_ seconds: UInt64) -> MonotonicTime {
    MonotonicTime(nanoseconds: seconds * 1_000_000_000)
  }

  @Test("Of a disk that stays full one line a minute, and how often it was tried in the end")
  func fullDisk() {
    var failures = CommitFailures()
    let told = (100...300).filter { failures.isNews(full, at: time($0)) }
    #expect(told == [100, 160, 220, 280])
    let failed = failures.end()
    #expect(failed == 201)
    #expect(failures.count == 0)
    let isNews = failures.isNews(full, at: time(301))
    #expect(isNews)
  }

  @Test("Whatever else befalls the store is told each time")
  func otherErrors() {
    var failures = CommitFailures()
    let broken = StorageError(.ioError, "it broke")
    let told = [(full, 1), (broken, 2), (broken, 3)].map { error, second in
      failures.isNews(error, at: time(second))
    }
    #expect(told == [true, true, true])
  }
}
