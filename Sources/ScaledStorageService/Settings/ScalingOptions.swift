import ArgumentParser
import Cluster

/// When the cluster grows and shrinks.
struct ScalingOptions: ParsableArguments {
  @Option(help: "Add nodes once any node holds more than this many keys. (default: 1000000)")
  var scaleUpAt: UInt64?

  @Option(help: "Add nodes once any node holds more bytes than this, as 8G. (default: 8G)")
  var scaleUpAtBytes: ByteCount?

  @Option(help: "Add nodes when any node answers more requests a second. (default: off)")
  var scaleUpAtRps: String?

  @Option(help: "Add nodes when any node uses more of its core, 0 to 1. (default: off)")
  var scaleUpAtUtilisation: String?

  @Option(help: "Seconds for which requests or core must be above that. (default: 10)")
  var scaleUpAfter: Double?

  @Option(
    help: "Retire a node when the rest stays below this share of the thresholds. (default: 0.5)")
  var scaleDownAt: String?

  @Option(help: "Seconds for which that must hold. (default: 60)")
  var scaleDownAfter: Double?

  @Option(help: "The fewest nodes. (default: 1)")
  var minNodes: Int?

  @Option(help: "The most nodes. (default: 64)")
  var maxNodes: Int?

  @Option(help: "Milliseconds between two changes of the ring. (default: 100)")
  var cooldown: UInt64?

  @Flag(help: "Only log when nodes would join or leave.")
  var dryRun = false

  static let names = [
    "scale-up-at", "scale-up-at-bytes", "scale-up-at-rps", "scale-up-at-utilisation",
    "scale-up-after", "scale-down-at", "scale-down-after", "min-nodes", "max-nodes", "cooldown",
    "dry-run",
  ]
}

/// The scaling that is in force.
struct ScalingSettings {
  let policy: ScalePolicy
  /// Whether the policy's decisions are only logged.
  let isDryRun: Bool

  /// The buckets of a ring.
  private static let mostNodes = 1_024
  private static let longestWait = 86_400.0

  /// - Throws: `ConfigurationError` for bounds that make no sense.
  init(_ options: ScalingOptions, _ configuration: Configuration) throws {
    let keys = try configuration.value("scale-up-at", flag: options.scaleUpAt, default: 1_000_000)
    let bytes = try configuration.value(
      "scale-up-at-bytes", flag: options.scaleUpAtBytes, default: ByteCount(count: 8 << 30)
    ).count
    guard keys > 0, bytes > 0 else {
      throw ConfigurationError(message: "scale-up-at and scale-up-at-bytes are 1 or more")
    }
    var policy = ScalePolicy.threshold(keys: keys, bytes: bytes)
    let rate = try ScalingSettings.threshold(
      "scale-up-at-rps", options.scaleUpAtRps, configuration, most: 1e9, default: nil)
    let utilisation = try ScalingSettings.threshold(
      "scale-up-at-utilisation", options.scaleUpAtUtilisation, configuration, most: 1, default: nil)
    policy.isOverloaded = { load in
      load.requestsPerSecond > rate ?? .infinity || load.utilisation > utilisation ?? .infinity
    }
    policy.scaleUpAfter = try ScalingSettings.milliseconds(
      "scale-up-after", options.scaleUpAfter, configuration, default: 10)
    policy.scaleDownAt = try ScalingSettings.threshold(
      "scale-down-at", options.scaleDownAt, configuration, most: 0.9, default: 0.5)
    policy.scaleDownAfter = try ScalingSettings.milliseconds(
      "scale-down-after", options.scaleDownAfter, configuration, default: 60)
    policy.minimumNodes = try configuration.value("min-nodes", flag: options.minNodes, default: 1)
    policy.maximumNodes = try configuration.value("max-nodes", flag: options.maxNodes, default: 64)
    policy.cooldown = try configuration.value("cooldown", flag: options.cooldown, default: 100)
    let most = ScalingSettings.mostNodes
    guard policy.minimumNodes >= 1, policy.minimumNodes <= policy.maximumNodes,
      policy.maximumNodes <= most
    else {
      throw ConfigurationError(
        message: "min-nodes is \(policy.minimumNodes) and max-nodes \(policy.maximumNodes); "
          + "it must be 1 <= min-nodes <= max-nodes <= \(most)")
    }
    self.policy = policy
    isDryRun = try configuration.value(
      "dry-run", flag: options.dryRun ? true : nil, default: false)
  }

  /// A number above 0, or nil for `off`.
  private static func threshold(
    _ name: String, _ flag: String?, _ configuration: Configuration, most: Double,
    default fallback: Double?
  ) throws -> Double? {
    guard let text: String = try configuration.optional(name, flag: flag) else { return fallback }
    if text == "off" { return nil }
    guard let number = Double(text), number > 0, number <= most else {
      throw ConfigurationError(
        message: "\(name) is \"\(text)\"; it can be off, or a number above 0 and up to "
          + (most < 1 ? "\(most)" : "\(UInt64(most))"))
    }
    return number
  }

  private static func milliseconds(
    _ name: String, _ flag: Double?, _ configuration: Configuration, default fallback: Double
  ) throws -> UInt64 {
    let seconds = try configuration.value(name, flag: flag, default: fallback)
    guard seconds >= 0, seconds <= longestWait else {
      throw ConfigurationError(
        message: "\(name) is \(seconds); it can be 0 to 86400 seconds")
    }
    return UInt64(seconds * 1_000)
  }
}
