/// What an ``HTTPClient`` lets its callers and its peers take: connections, queues, sizes, times.
///
/// Every value a peer could drive up has a bound here; values outside their range are brought into
/// it when the client is made.
public struct ClientLimits: Sendable {
  /// Connections to one peer that take new requests (at least 1). More than one is opened only when
  /// each has ``streamsBeforeGrowth`` requests, or requests queue behind the peer's
  /// SETTINGS_MAX_CONCURRENT_STREAMS.
  public var maxConnectionsPerPeer = 4
  /// Streams open at once on one connection (at least 1), however many the peer allows.
  public var maxStreamsPerConnection = 256
  /// Streams on each connection from which on another one is opened; the limit that the peer gives
  /// matters as well. Below it requests go to the connections opened first, so that their output
  /// is gathered and those that a peak called for fall idle.
  public var streamsBeforeGrowth = 192
  /// Requests that may wait for a stream of one peer; more fail at once with `.overloaded`.
  public var maxWaitingPerPeer = 4_096
  /// Bytes of the bodies of requests that wait for a stream of one peer; likewise.
  public var maxWaitingBytesPerPeer = 64 << 20
  /// Requests outstanding to all peers together; more fail at once with `.overloaded`.
  public var maxOutstanding = 65_536
  /// Bytes of one request's header section, uncompressed (names, values and 32 a field, RFC 9113
  /// section 6.5.2).
  public var maxRequestHeaderBytes = 32 << 10
  /// Bytes of one response's header sections, interim ones and trailers included, counted likewise.
  public var maxHeaderBytes = 64 << 10
  /// Fields of one response, interim ones and trailers included.
  public var maxHeaderCount = 128
  /// Bytes of one response body.
  public var maxBodyBytes = 8 << 20
  /// Bytes of all response bodies being received; a response that would pass it fails.
  public var maxBufferedBytes = 256 << 20
  /// Flow-control window of one stream in bytes (65,535 to 2^31 - 1).
  public var streamWindow = 1 << 20
  /// Flow-control window of one connection in bytes (65,535 to 2^31 - 1).
  public var connectionWindow = 4 << 20
  /// Time for a TCP connection and the peer's first SETTINGS frame.
  public var connectTimeout: Duration = .seconds(5)
  /// First pause after a connection that failed; doubles with each further failure.
  public var minBackoff: Duration = .milliseconds(20)
  /// Longest pause after connections that failed.
  public var maxBackoff: Duration = .seconds(1)
  /// Time after which a connection without streams is closed.
  public var idleTimeout: Duration = .seconds(60)
  /// Time without a byte from the peer after which a connection in use is asked for a sign of life
  /// by a PING.
  public var pingInterval: Duration = .seconds(10)
  /// Least time between two PINGs of one connection, whatever they are for. Some servers end
  /// connections that send more (gRPC's `too_many_pings`).
  public var pingSpacing: Duration = .zero
  /// Time for the answer to a PING. One is also sent when a request timed out on a silent
  /// connection.
  public var pingTimeout: Duration = .seconds(2)
  /// Streams of one connection that may be reset in one ``resetWindow``. Abandoned streams beyond
  /// that are left to their answers, which are dropped: servers end connections that reset many.
  public var maxResets = 100
  public var resetWindow: Duration = .seconds(10)
  /// Whether each request tells by `ss-deadline` how many milliseconds its answer is waited for.
  public var tellsDeadline = false

  public init() {}

  /// The same limits with every value raised or lowered into its range.
  func normalized() -> ClientLimits {
    var limits = self
    limits.maxConnectionsPerPeer = min(max(maxConnectionsPerPeer, 1), 1_024)
    limits.maxStreamsPerConnection = min(max(maxStreamsPerConnection, 1), 1 << 20)
    limits.streamsBeforeGrowth = min(max(streamsBeforeGrowth, 1), 1 << 20)
    limits.maxWaitingPerPeer = min(max(maxWaitingPerPeer, 0), 1 << 24)
    limits.maxWaitingBytesPerPeer = max(maxWaitingBytesPerPeer, 0)
    limits.maxResets = max(maxResets, 0)
    limits.maxOutstanding = min(max(maxOutstanding, 1), 1 << 24)
    // nghttp2 refuses to send a header section above 64 KiB.
    limits.maxRequestHeaderBytes = min(max(maxRequestHeaderBytes, 256), 60 << 10)
    limits.maxHeaderBytes = min(max(maxHeaderBytes, 256), 1 << 24)
    limits.maxHeaderCount = min(max(maxHeaderCount, 1), 1 << 16)
    limits.maxBodyBytes = max(maxBodyBytes, 0)
    limits.maxBufferedBytes = max(maxBufferedBytes, 0)
    limits.streamWindow = min(max(streamWindow, 65_535), Int(Int32.max))
    limits.connectionWindow = min(max(connectionWindow, 65_535), Int(Int32.max))
    return limits
  }
}
