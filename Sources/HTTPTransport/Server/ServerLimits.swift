/// What a server grants its peers. Every bound is enforced; the excess gets a clear answer.
public struct ServerLimits: Sendable {
  /// Open connections. One more is answered 503 with `retry-after` and closed; closed without an
  /// answer where there is TLS, since a handshake would cost more than its request.
  public var maxConnections = 10_000
  /// Open connections of one address, so that one peer does not take all; one more is refused
  /// likewise. Loopback is exempt.
  public var maxConnectionsPerAddress = 5_000
  /// Streams that one HTTP/2 connection may have open (SETTINGS_MAX_CONCURRENT_STREAMS). A stream
  /// beyond is refused with REFUSED_STREAM.
  public var maxConcurrentStreams = 256
  /// Requests of one HTTP/1.1 connection whose answers may wait to be sent before the connection is
  /// read further.
  public var maxPipelined = 32
  /// Bytes of a request's header fields, names and values, with 32 for each field (RFC 9113 section
  /// 6.5.2); beyond it 431. At most 65,536.
  public var maxHeaderBytes = 32_768
  /// Header fields of a request, without HTTP/2's pseudo-fields; beyond it 431.
  public var maxHeaderCount = 64
  /// Bytes of a request's target; beyond it 414.
  public var maxTargetBytes = 8_192
  /// Bytes of a request's body; beyond it 413.
  public var maxBodyBytes = 2 * 1_048_576
  /// Bytes of request and response bodies held for all connections; beyond it new requests are
  /// answered 503 with `retry-after`. The requests of one connection may hold its share of it, and
  /// one body in any case.
  public var maxBufferedBytes = 256 * 1_048_576
  /// Bytes of answers that wait for one connection's peer to take them; beyond it, or beyond
  /// the connection's share of what is free of ``maxBufferedBytes``, that connection's new requests
  /// and large answers become 503.
  public var maxPendingResponseBytes = 64 * 1_048_576
  /// Resets of streams, received and sent together, in one ``resetWindow``. A connection that
  /// exceeds it is ended with ENHANCE_YOUR_CALM (CVE-2023-44487, CVE-2025-8671).
  public var maxResets = 500
  public var resetWindow: Duration = .seconds(10)
  /// HTTP/2 frames that carry no request forward (PING, SETTINGS, PRIORITY, WINDOW_UPDATE,
  /// RST_STREAM, CONTINUATION, unknown types, DATA of less than 256 bytes) in one
  /// ``frameWindow``. Requests allow 8 more each, bodies one for each 512 bytes. A connection that
  /// exceeds it is ended with ENHANCE_YOUR_CALM.
  public var maxIdleFrames = 10_000
  public var frameWindow: Duration = .seconds(10)
  /// CONTINUATION frames of one header block; beyond it the connection is ended with
  /// ENHANCE_YOUR_CALM (CVE-2024-27316). At most 8, which is what nghttp2 allows.
  public var maxContinuations = 8
  /// Requests that the application has taken and not answered; beyond it new ones are answered 503
  /// with `retry-after`.
  public var maxWaiting = 16_384
  /// How long requests may wait for the loop. When each turn of one ``overloadInterval`` began
  /// later than that, a growing part of new requests is answered 503 with `retry-after`, until the
  /// wait is shorter again (after CoDel, RFC 8289).
  public var overloadTarget: Duration = .milliseconds(100)
  public var overloadInterval: Duration = .milliseconds(500)
  /// The same for a connection of one of our own programs, which passes on what many clients do.
  public var maxTrustedResets = 50_000
  /// Streams that such a connection may have open, when that is more.
  public var maxTrustedStreams = 1_024
  /// HTTP/2's flow-control windows, in bytes, at most 2³¹-1.
  public var streamWindow = 262_144
  public var connectionWindow = 1_048_576
  /// From a request's first byte to the end of its header section; also for a TLS handshake.
  public var headerTimeout: Duration = .seconds(10)
  /// The time in which a body must advance by ``minBodyProgress`` bytes or end; else 408.
  public var bodyTimeout: Duration = .seconds(20)
  public var minBodyProgress = 1_024
  /// The time in which a peer must take ``minSendProgress`` bytes of the answers that wait for it,
  /// or a thirty-second part when that is more; else the connection is closed.
  public var sendTimeout: Duration = .seconds(30)
  public var minSendProgress = 4_096
  /// How long a connection may live without a request.
  public var idleTimeout: Duration = .seconds(120)
  /// How long a connection that the server ended is read, so that its peer sees the last answer
  /// rather than a reset.
  public var lingerTimeout: Duration = .seconds(1)
  /// Connections that the system accepts ahead of the server.
  public var backlog = 1_024

  public init() {}

  /// The same limits within the ranges that the protocols allow.
  package var normalized: ServerLimits {
    var limits = self
    limits.maxConnections = clamp(maxConnections, 1, 1_000_000)
    limits.maxConnectionsPerAddress = clamp(maxConnectionsPerAddress, 1, 1_000_000)
    limits.maxConcurrentStreams = clamp(maxConcurrentStreams, 1, 65_536)
    limits.maxPipelined = clamp(maxPipelined, 1, 1_024)
    limits.maxHeaderBytes = clamp(maxHeaderBytes, 256, 65_536)
    limits.maxHeaderCount = clamp(maxHeaderCount, 1, 1_024)
    limits.maxTargetBytes = clamp(maxTargetBytes, 16, 65_536)
    limits.maxBodyBytes = clamp(maxBodyBytes, 0, 1 << 40)
    limits.maxBufferedBytes = clamp(maxBufferedBytes, 0, 1 << 50)
    limits.maxPendingResponseBytes = clamp(maxPendingResponseBytes, 0, 1 << 50)
    limits.maxResets = clamp(maxResets, 1, 1_000_000_000)
    limits.maxIdleFrames = clamp(maxIdleFrames, 16, 1_000_000_000)
    limits.maxContinuations = clamp(maxContinuations, 0, 8)
    limits.maxTrustedResets = clamp(maxTrustedResets, limits.maxResets, 1_000_000_000)
    limits.maxTrustedStreams = clamp(maxTrustedStreams, 1, 65_536)
    limits.streamWindow = clamp(streamWindow, 65_535, 0x7FFF_FFFF)
    limits.connectionWindow = clamp(connectionWindow, 65_535, 0x7FFF_FFFF)
    limits.minBodyProgress = clamp(minBodyProgress, 1, 1 << 30)
    limits.maxWaiting = clamp(maxWaiting, 1, 1_000_000_000)
    limits.minSendProgress = clamp(minSendProgress, 1, 1 << 30)
    limits.backlog = clamp(backlog, 1, 65_535)
    return limits
  }

  /// What one connection's frames are held to. A header block can be longer on the wire than it
  /// may be in the end, by what is allowed as target and by representations that add nothing.
  var frameLimits: FrameWatch.Limits {
    FrameWatch.Limits(
      burst: maxIdleFrames, window: frameWindow, maxContinuations: maxContinuations,
      maxBlockBytes: maxHeaderBytes + maxTargetBytes + ServerLimits.blockAllowance)
  }

  private static let blockAllowance = 16_384

  private func clamp(_ value: Int, _ least: Int, _ most: Int) -> Int {
    min(max(value, least), most)
  }
}
