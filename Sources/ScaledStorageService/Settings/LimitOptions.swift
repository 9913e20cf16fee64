import ArgumentParser
import HTTPTransport

/// The bounds of a service's server, in one setting: `NAME=VALUE,NAME=VALUE`.
struct LimitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Limits of the server, as max-connections=20000,idle-timeout=60; "
        + "times are in seconds. The README lists them.", valueName: "list"))
  var limits: String?

  static let names = ["limits"]

  /// Sets the limits that `text` names.
  /// - Throws: `ConfigurationError` that says what cannot be read and what can.
  static func apply(
    _ text: String, to limits: inout ServerLimits, _ configuration: Configuration
  ) throws {
    let named = try NamedLimit.apply(text, to: &limits, of: all, setting: "limits", configuration)
    // What the server would not grant is told rather than silently put right.
    let granted = limits.normalized
    for limit in named {
      guard let asked = limit.number?(limits), let nearest = limit.number?(granted),
        asked != nearest
      else { continue }
      let end = asked < nearest ? "least" : "most"
      throw configuration.wrong(
        "limits", "has \(limit.name)=\(asked); it can be \(nearest) at the \(end)")
    }
  }

  static var all: [NamedLimit<ServerLimits>] {
    [
      .count("max-connections", \.maxConnections),
      .count("max-connections-per-address", \.maxConnectionsPerAddress),
      .count("max-streams", \.maxConcurrentStreams),
      .count("max-pipelined", \.maxPipelined),
      .bytes("max-header-bytes", \.maxHeaderBytes),
      .count("max-header-count", \.maxHeaderCount),
      .bytes("max-target-bytes", \.maxTargetBytes),
      .bytes("max-body-bytes", \.maxBodyBytes),
      .bytes("max-buffered-bytes", \.maxBufferedBytes),
      .bytes("max-pending-bytes", \.maxPendingResponseBytes),
      .count("max-resets", \.maxResets),
      .time("reset-window", \.resetWindow),
      .count("max-trusted-resets", \.maxTrustedResets),
      .count("max-trusted-streams", \.maxTrustedStreams),
      .count("max-idle-frames", \.maxIdleFrames),
      .time("frame-window", \.frameWindow),
      .count("max-continuations", \.maxContinuations),
      .count("max-waiting", \.maxWaiting),
      .time("overload-target", \.overloadTarget),
      .time("overload-interval", \.overloadInterval),
      .bytes("stream-window", \.streamWindow),
      .bytes("connection-window", \.connectionWindow),
      .time("header-timeout", \.headerTimeout),
      .time("body-timeout", \.bodyTimeout),
      .bytes("min-body-progress", \.minBodyProgress),
      .time("send-timeout", \.sendTimeout),
      .bytes("min-send-progress", \.minSendProgress),
      .time("idle-timeout", \.idleTimeout),
      .time("linger-timeout", \.lingerTimeout),
      .count("backlog", \.backlog),
    ]
  }
}
