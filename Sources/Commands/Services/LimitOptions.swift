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
  static func apply(_ text: String, to limits: inout ServerLimits) throws {
    for part in text.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1).map {
        String($0.trimmingPrefix(while: { $0 == " " }))
      }
      guard pair.count == 2, let limit = all.first(where: { $0.name == pair[0] }) else {
        throw ConfigurationError(
          message: "limits: \"\(part)\" is no limit; write NAME=VALUE with one of "
            + all.map(\.name).joined(separator: ", "))
      }
      guard limit.set(&limits, pair[1]) else {
        throw ConfigurationError(
          message: "limits: \"\(pair[1])\" is no value for \(limit.name); write "
            + limit.example)
      }
    }
  }

  /// A limit by its name.
  struct Limit {
    let name: String
    let example: String
    /// False when the text is no value.
    let set: (inout ServerLimits, String) -> Bool

    static func count(_ name: String, _ path: WritableKeyPath<ServerLimits, Int>) -> Limit {
      Limit(name: name, example: "a number, as 1000") { limits, text in
        guard let value = Int(text), value >= 0 else { return false }
        limits[keyPath: path] = value
        return true
      }
    }

    static func bytes(_ name: String, _ path: WritableKeyPath<ServerLimits, Int>) -> Limit {
      Limit(name: name, example: "bytes, as 65536 or 64M") { limits, text in
        guard let value = ByteCount(text) else { return false }
        limits[keyPath: path] = Int(clamping: value.count)
        return true
      }
    }

    static func time(_ name: String, _ path: WritableKeyPath<ServerLimits, Duration>) -> Limit {
      Limit(name: name, example: "seconds, as 30 or 0.5") { limits, text in
        guard let value = Double(text), value > 0, value <= longest else { return false }
        limits[keyPath: path] = .microseconds(Int64(value * 1e6))
        return true
      }
    }

    /// Ten years, in seconds.
    private static let longest = 315_360_000.0
  }

  static var all: [Limit] {
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
