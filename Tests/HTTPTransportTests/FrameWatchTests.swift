import Testing

@testable import HTTPTransport

@Suite struct FrameWatchTests {
  private static let limits = FrameWatch.Limits(
    burst: 1_000, window: .seconds(1), maxContinuations: 8, maxBlockBytes: 50_000)

  /// Scans `bytes` in pieces of `size`: how many were let through, and what was found.
  private static func scan(_ bytes: [UInt8], size: Int) -> (count: Int, fault: FrameWatch.Fault?) {
    let now = MonotonicTime(nanoseconds: 1)
    var watch = FrameWatch(limits, now: now)
    var offset = 0
    while offset < bytes.count {
      let piece = Array(bytes[offset..<min(offset + size, bytes.count)])
      let (count, fault) = piece.withUnsafeBytes { watch.scan($0, now: now, sent: 0) }
      if let fault { return (offset + count, fault) }
      offset += piece.count
    }
    return (offset, nil)
  }

  @Test("Whatever the pieces, the same is found", arguments: [1, 2, 5, 8, 9, 10, 23, 24, 25, 100])
  func pieces(size: Int) {
    for test in ConformanceTests.cases {
      let bytes =
        (test.settings == nil ? [] : HTTP2Peer.preface + HTTP2Peer.Frame(type: 4).bytes)
        + test.bytes
      let whole = FrameWatchTests.scan(bytes, size: bytes.count)
      let pieces = FrameWatchTests.scan(bytes, size: size)
      #expect(whole.fault == pieces.fault, "\(test)")
      // A header that came in parts was let through in part.
      #expect((whole.count...whole.count + 13).contains(pieces.count), "\(test)")
    }
  }

  @Test("What streams did is remembered for the latest 256") func history() {
    var streams = StreamHistory()
    streams.open(1)
    streams.end(1)
    #expect(streams.state(of: 1) == .ended)
    #expect(streams.state(of: 3) == .unknown)
    streams.open(7)
    #expect([1, 3, 5, 7].map(streams.state) == [.ended, .passedOver, .passedOver, .open])
    streams.open(511)
    #expect(streams.state(of: 1) == .ended)
    streams.open(513)
    #expect(streams.state(of: 1) == .unknown)
    #expect(streams.state(of: 3) == .passedOver)
    streams.open(0x7FFF_FFFF)
    #expect(streams.state(of: 513) == .unknown)
    #expect(streams.state(of: 0x7FFF_FFFF) == .open)
    streams.end(0x7FFF_FFFF)
    #expect(streams.state(of: 0x7FFF_FFFF) == .ended)
    #expect(streams.state(of: 2) == .unknown)
  }

  @Test("What is allowed comes back with time") func credit() {
    var watch = FrameWatch(FrameWatchTests.limits, now: MonotonicTime(nanoseconds: 0))
    let frame = HTTP2Peer.Frame(type: 4).bytes
    let flood = HTTP2Peer.preface + (0..<1_000).flatMap { _ in frame }
    func scan(_ bytes: [UInt8], at milliseconds: UInt64) -> FrameWatch.Fault? {
      bytes.withUnsafeBytes {
        watch.scan($0, now: MonotonicTime(nanoseconds: milliseconds * 1_000_000), sent: 0).fault
      }
    }
    #expect(scan(flood, at: 0) == nil)
    #expect(scan((0..<100).flatMap { _ in frame }, at: 100) == nil)
    #expect(scan(frame, at: 100) == .enhanceYourCalm)
  }
}
