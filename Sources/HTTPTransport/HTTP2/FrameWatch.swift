/// Follows the frames of one client's input ahead of nghttp2, which does not look for these faults:
/// frames on streams that the client itself has ended or passed over (RFC 9113 sections 5.1 and
/// 5.1.1), and floods of frames that carry no request forward (section 10.5).
///
/// Everything that nghttp2 refuses by itself is left to it.
struct FrameWatch {
  /// The error codes of RFC 9113 section 7 that end the connection here.
  enum Fault: UInt32, Error {
    case protocolError = 0x1
    case streamClosed = 0x5
    case enhanceYourCalm = 0xB
  }

  struct Limits {
    /// Frames that carry nothing forward which one connection may send at once.
    var burst: Int
    /// The time in which that many are allowed again.
    var window: Duration
    /// CONTINUATION frames of one header block.
    var maxContinuations: Int
    /// Bytes of one header block on the wire.
    var maxBlockBytes: Int
  }

  private let limits: Limits
  /// Bytes of the preface or of a frame's payload that are still to come.
  private var skip = FrameWatch.prefaceLength
  /// A frame's header that came in parts.
  private var head: (UInt64, UInt32) = (0, 0)
  private var headCount = 0
  /// Within a header block only CONTINUATION may follow.
  private var isInBlock = false
  private var continuations = 0
  private var blockBytes = 0
  private var streams = StreamHistory()
  /// Bytes of a PRIORITY frame's dependency that are still to come, and those that came.
  private var priorityBytes = 0
  private var priorityStream: UInt32 = 0
  private var dependency: UInt32 = 0
  /// Frames that may still come before the time and the work done meanwhile are counted.
  private var credit: Int
  private var creditTime: MonotonicTime
  private var creditSent = 0
  private var work = 0

  private static let prefaceLength = 24
  private static let headLength = 9
  /// DATA frames smaller than this are no progress.
  private static let smallData = 256
  /// What a request and each so many bytes of bodies earn: a client may open windows as it reads.
  private static let requestEarns = 8
  private static let bytesToEarnOne = 512

  init(_ limits: Limits, now: MonotonicTime) {
    self.limits = limits
    credit = limits.burst
    creditTime = now
  }

  /// Stream 1 has come by an upgrade, whole (RFC 7540 section 3.2).
  mutating func upgraded() {
    streams.open(1)
    streams.end(1)
  }

  /// How many of `bytes` nghttp2 may have, and what is wrong with the frame that follows them.
  /// `sent` counts the bytes of answers that this connection has taken so far.
  mutating func scan(
    _ bytes: UnsafeRawBufferPointer, now: MonotonicTime, sent: Int
  ) -> (count: Int, fault: Fault?) {
    var offset = 0
    while true {
      if priorityBytes > 0, dependsOnItself(bytes, &offset) { return (offset, .protocolError) }
      let skipped = min(skip, bytes.count - offset)
      skip -= skipped
      offset += skipped
      guard offset < bytes.count else { return (offset, nil) }
      let start = offset
      if headCount == 0, bytes.count - offset >= FrameWatch.headLength {
        head.0 = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        head.1 = UInt32(bytes[offset + 8])
        offset += FrameWatch.headLength
      } else {
        while offset < bytes.count, headCount < FrameWatch.headLength {
          take(bytes[offset])
          offset += 1
        }
        guard headCount == FrameWatch.headLength else { return (offset, nil) }
        headCount = 0
      }
      let length = Int(head.0 >> 40)
      let stream = UInt32(truncatingIfNeeded: head.0 << 8) | head.1
      if let fault = frame(
        type: UInt8(truncatingIfNeeded: head.0 >> 32),
        flags: UInt8(truncatingIfNeeded: head.0 >> 24), stream: stream & 0x7FFF_FFFF,
        length: length)
      {
        return (start, fault)
      }
      if credit < 0, !earn(now: now, sent: sent) { return (start, .enhanceYourCalm) }
      skip = length
    }
  }

  /// Reads on what a PRIORITY frame says its stream depends on. nghttp2 looks at it no more once
  /// the server has said that it does without (RFC 9218 section 2.1); RFC 7540 section 5.3.1
  /// forbids a stream to depend on itself all the same.
  private mutating func dependsOnItself(
    _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
  ) -> Bool {
    while priorityBytes > 0, offset < bytes.count {
      dependency = dependency << 8 | UInt32(bytes[offset])
      offset += 1
      skip -= 1
      priorityBytes -= 1
    }
    return priorityBytes == 0 && dependency & 0x7FFF_FFFF == priorityStream
  }

  private mutating func priority(stream: UInt32, length: Int) -> Fault? {
    credit -= 1
    guard stream != 0 else { return .protocolError }
    guard length == 5 else { return nil }
    priorityStream = stream
    priorityBytes = 4
    return nil
  }

  private mutating func take(_ byte: UInt8) {
    if headCount < 8 {
      head.0 = head.0 << 8 | UInt64(byte)
    } else {
      head.1 = UInt32(byte)
    }
    headCount += 1
  }

  private mutating func frame(
    type: UInt8, flags: UInt8, stream: UInt32, length: Int
  ) -> Fault? {
    guard !isInBlock || type == 9 else { return nil }
    switch type {
    case 0: return data(flags: flags, stream: stream, length: length)
    case 1: return headers(flags: flags, stream: stream, length: length)
    case 2: return priority(stream: stream, length: length)
    case 9: return continuation(flags: flags, length: length)
    case 3:
      streams.end(stream)
      credit -= 1
    default:
      credit -= 1
    }
    return nil
  }

  private mutating func data(flags: UInt8, stream: UInt32, length: Int) -> Fault? {
    switch streams.state(of: stream) {
    case .ended, .passedOver: return .streamClosed
    case .unknown, .open: break
    }
    work += length
    if flags & 1 != 0 {
      streams.end(stream)
    } else if length < FrameWatch.smallData {
      credit -= 1
    }
    return nil
  }

  private mutating func headers(flags: UInt8, stream: UInt32, length: Int) -> Fault? {
    if stream > streams.highest {
      streams.open(stream)
    } else {
      switch streams.state(of: stream) {
      case .ended: return .streamClosed
      case .passedOver: return .protocolError
      case .unknown, .open: credit -= 1
      }
    }
    work += FrameWatch.requestEarns * FrameWatch.bytesToEarnOne
    isInBlock = flags & 4 == 0
    continuations = 0
    blockBytes = length
    if flags & 1 != 0 { streams.end(stream) }
    return nil
  }

  private mutating func continuation(flags: UInt8, length: Int) -> Fault? {
    guard isInBlock else { return nil }
    isInBlock = flags & 4 == 0
    continuations += 1
    blockBytes += length
    credit -= 1
    let isTooMuch = continuations > limits.maxContinuations || blockBytes > limits.maxBlockBytes
    return isTooMuch ? .enhanceYourCalm : nil
  }

  /// Adds what time and work have earned since the last call; false when that is not enough.
  private mutating func earn(now: MonotonicTime, sent: Int) -> Bool {
    let elapsed = (now - creditTime).clampedNanoseconds
    let window = max(limits.window.clampedNanoseconds, 1)
    // A quotient below 1 here, so that the product cannot overflow.
    let byTime = Int(Double(min(elapsed, window)) / Double(window) * Double(limits.burst))
    let byWork = (work + (sent &- creditSent)) / FrameWatch.bytesToEarnOne
    credit = min(limits.burst, credit + byTime + max(byWork, 0))
    creditTime = now
    creditSent = sent
    work = 0
    return credit >= 0
  }
}

/// What a client has done to the latest of its streams, in one bit each.
struct StreamHistory {
  enum State {
    /// Too long ago to know, or not a client's stream, or not yet used.
    case unknown
    /// Never used, and closed by the use of a later one (RFC 9113 section 5.1.1).
    case passedOver
    case open
    /// The client has sent END_STREAM or RST_STREAM.
    case ended
  }

  private(set) var highest: UInt32 = 0
  private var used = SIMD4<UInt64>()
  private var ended = SIMD4<UInt64>()

  /// Streams that are remembered.
  static let capacity: UInt32 = 256

  mutating func open(_ stream: UInt32) {
    guard stream & 1 == 1, stream > highest else { return }
    if stream - highest >= 2 * StreamHistory.capacity {
      used = .zero
      ended = .zero
    } else {
      // 0 + 1 is the first.
      var passed = highest &+ (highest == 0 ? 1 : 2)
      while passed < stream {
        set(passed, &used, false)
        set(passed, &ended, false)
        passed += 2
      }
      set(stream, &ended, false)
    }
    set(stream, &used, true)
    highest = stream
  }

  mutating func end(_ stream: UInt32) {
    if isRemembered(stream) { set(stream, &ended, true) }
  }

  func state(of stream: UInt32) -> State {
    guard isRemembered(stream) else { return .unknown }
    if isSet(stream, ended) { return .ended }
    return isSet(stream, used) ? .open : .passedOver
  }

  private func isRemembered(_ stream: UInt32) -> Bool {
    stream & 1 == 1 && stream <= highest && highest - stream < 2 * StreamHistory.capacity
  }

  private func set(_ stream: UInt32, _ bits: inout SIMD4<UInt64>, _ value: Bool) {
    let index = Int(stream >> 1 & (StreamHistory.capacity - 1))
    let mask = UInt64(1) << UInt64(index & 63)
    if value { bits[index >> 6] |= mask } else { bits[index >> 6] &= ~mask }
  }

  private func isSet(_ stream: UInt32, _ bits: SIMD4<UInt64>) -> Bool {
    let index = Int(stream >> 1 & (StreamHistory.capacity - 1))
    return bits[index >> 6] >> UInt64(index & 63) & 1 != 0
  }
}
