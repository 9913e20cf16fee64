import ArgumentParser
import Cluster
import ScaledStorage

/// When the cluster grows and shrinks.
struct ScalingOptions: ParsableArguments {
  @Option(
    help: ScalingOptions.help("Add nodes once any node holds more than this many keys.", "1000000"))
  var scaleUpAt: UInt64?

  @Option(
    help: ScalingOptions.help("Add nodes once any node holds more bytes than this, as 8G.", "8G"))
  var scaleUpAtBytes: ByteCount?

  @Option(
    help: ScalingOptions.help("Add nodes when any node answers more requests a second.", "off"))
  var scaleUpAtRps: String?

  @Option(
    help: ScalingOptions.help("Add nodes when any node uses more of its core, 0 to 1.", "off"))
  var scaleUpAtUtilisation: String?

  @Option(
    help: ScalingOptions.help(
      "Add nodes when 1 in 100 answers of any node takes more milliseconds.", "off"))
  var scaleUpAtLatency: String?

  @Option(
    help: ScalingOptions.help("Seconds for which rate, core or latency must be above that.", "10"))
  var scaleUpAfter: Double?

  @Option(
    help: ScalingOptions.help(
      "Retire a node when the rest stays below this share of the thresholds.", "0.5"))
  var scaleDownAt: String?

  @Option(help: ScalingOptions.help("Seconds for which that must hold.", "60"))
  var scaleDownAfter: Double?

  @Option(help: ScalingOptions.help("The fewest nodes.", "1"))
  var minNodes: Int?

  @Option(help: ScalingOptions.help("The most nodes.", "64"))
  var maxNodes: Int?

  @Option(help: ScalingOptions.help("Milliseconds between two changes of the ring.", "100"))
  var cooldown: UInt64?

  @Option(
    help: ArgumentHelp(
      """
      Nodes that others run, which the gateway makes members as it needs them, instead of starting \
      nodes itself; a range of numbers is written node-{0..7}.nodes:8081.
      """, valueName: "host:port,…"))
  var nodes: InstanceNames?

  @Flag(help: "Only log when nodes would join or leave.")
  var dryRun = false

  @OptionGroup var launchers: LauncherOptions

  /// What stands where an option is not given.
  private static func help(_ sentence: String, _ usual: String) -> ArgumentHelp {
    let isOwn = ServedProgram.current.application.policy != nil
    return ArgumentHelp("\(sentence) (default: \(isOwn ? "the service's own rule" : usual))")
  }

  static let names =
    [
      "scale-up-at", "scale-up-at-bytes", "scale-up-at-rps", "scale-up-at-utilisation",
      "scale-up-at-latency", "scale-up-after", "scale-down-at", "scale-down-after", "min-nodes",
      "max-nodes", "cooldown", "nodes", "dry-run",
    ] + LauncherOptions.names
}

/// The scaling that is in force.
struct ScalingSettings {
  let policy: ScalePolicy
  /// Whether the policy's decisions are only logged.
  let isDryRun: Bool
  /// The nodes that others run; nil when the gateway starts them.
  let instances: [String]?
  /// Who runs the nodes that the gateway starts.
  let launcher: LauncherSettings

  /// The buckets of a ring.
  private static let mostNodes = 1_024
  private static let usualKeys: UInt64 = 1_000_000
  private static let usualBytes: UInt64 = 8 << 30
  private static let longestWait = 86_400.0

  /// - Parameter own: the service's policy, which holds where the options say nothing; nil for the
  ///   usual one.
  /// - Throws: `ConfigurationError` for bounds that make no sense.
  init(
    _ options: ScalingOptions, _ configuration: Configuration, policy own: ScalePolicy? = nil
  ) throws {
    var policy =
      own ?? .threshold(keys: ScalingSettings.usualKeys, bytes: ScalingSettings.usualBytes)
    try ScalingSettings.setSizes(&policy, options, configuration, isOwn: own != nil)
    try ScalingSettings.setOverload(&policy, options, configuration)
    policy.scaleUpAfter = try ScalingSettings.milliseconds(
      "scale-up-after", options.scaleUpAfter, configuration, default: policy.scaleUpAfter)
    policy.scaleDownAt = try ScalingSettings.threshold(
      "scale-down-at", options.scaleDownAt, configuration, most: 0.9, default: policy.scaleDownAt)
    policy.scaleDownAfter = try ScalingSettings.milliseconds(
      "scale-down-after", options.scaleDownAfter, configuration, default: policy.scaleDownAfter)
    policy.minimumNodes = try configuration.value(
      "min-nodes", flag: options.minNodes, default: policy.minimumNodes)
    policy.maximumNodes = try configuration.value(
      "max-nodes", flag: options.maxNodes, default: policy.maximumNodes)
    policy.cooldown = try configuration.value(
      "cooldown", flag: options.cooldown, default: policy.cooldown)
    let most = ScalingSettings.mostNodes
    guard (1...most).contains(policy.maximumNodes) else {
      throw configuration.wrong(
        "max-nodes", "is \(policy.maximumNodes); it can be 1 to \(most)")
    }
    guard (1...policy.maximumNodes).contains(policy.minimumNodes) else {
      throw configuration.wrong(
        "min-nodes",
        "is \(policy.minimumNodes); it can be 1 to max-nodes, which is "
          + "\(policy.maximumNodes)")
    }
    let text: String? = try configuration.optional(
      "nodes", flag: options.nodes?.description, usual: "the gateway starts them")
    instances = try text.map { text in
      guard let instances = InstanceNames(text) else {
        throw configuration.wrong(
          "nodes",
          "is \"\(text)\"; it can be a list HOST:PORT,HOST:PORT of at most "
            + "\(InstanceNames.most), each once, as node-{0..7}.nodes:8081")
      }
      return instances.names
    }
    if let instances {
      guard policy.minimumNodes <= instances.count else {
        throw configuration.wrong(
          "nodes",
          "names \(instances.count), fewer than min-nodes, which is "
            + "\(policy.minimumNodes); name more, or lower min-nodes")
      }
      policy.maximumNodes = min(policy.maximumNodes, instances.count)
    }
    self.policy = policy
    launcher = try LauncherSettings(options.launchers, configuration)
    if case .process = launcher {
    } else if instances != nil {
      throw configuration.wrong(
        "nodes", "names nodes that others run, and launcher says who runs them; leave one away")
    }
    isDryRun = try configuration.value(
      "dry-run", flag: options.dryRun ? true : nil, default: false)
  }

  /// - Throws: `ConfigurationError` when others run the nodes of a service that starts its own.
  func requireOwnNodes(_ configuration: Configuration) throws {
    guard case .process = launcher else {
      throw configuration.wrong(
        "launcher", "is given, and `up` starts nodes of its own; run `gateway`, or leave it away")
    }
    guard instances != nil else { return }
    throw configuration.wrong(
      "nodes", "is given, and `up` starts nodes of its own; run `gateway`, or leave it away")
  }

  /// The rule of a node's size; one of the two replaces a service's own rule.
  private static func setSizes(
    _ policy: inout ScalePolicy, _ options: ScalingOptions, _ configuration: Configuration,
    isOwn: Bool
  ) throws {
    let keys = try configuration.optional(
      "scale-up-at", flag: options.scaleUpAt,
      usual: isOwn ? "the service's own rule" : String(usualKeys))
    let bytes = try configuration.optional(
      "scale-up-at-bytes", flag: options.scaleUpAtBytes,
      usual: isOwn ? "the service's own rule" : String(usualBytes))?.count
    guard keys != 0 else {
      throw configuration.wrong("scale-up-at", "is 0; it can be 1 key or more, as 1000000")
    }
    guard bytes != 0 else {
      throw configuration.wrong("scale-up-at-bytes", "is 0; it can be 1 byte or more, as 8G")
    }
    guard keys != nil || bytes != nil else { return }
    policy.shouldScaleUp =
      ScalePolicy.threshold(
        keys: keys ?? (isOwn ? .max : usualKeys), bytes: bytes ?? (isOwn ? .max : usualBytes)
      ).shouldScaleUp
  }

  /// The rule of what a node has to do; one of the three replaces a service's own rule.
  private static func setOverload(
    _ policy: inout ScalePolicy, _ options: ScalingOptions, _ configuration: Configuration
  ) throws {
    let names = ["scale-up-at-rps", "scale-up-at-utilisation", "scale-up-at-latency"]
    let flags = [options.scaleUpAtRps, options.scaleUpAtUtilisation, options.scaleUpAtLatency]
    let mosts = [1e9, 1, 1e6]
    var isGiven = false
    var thresholds: [Double] = []
    for ((name, flag), most) in zip(zip(names, flags), mosts) {
      let value = try threshold(name, flag, configuration, most: most, default: nil)
      if configuration.isGiven(name) { isGiven = true }
      thresholds.append(value ?? .infinity)
    }
    guard isGiven else { return }
    let (rate, utilisation, latency) = (thresholds[0], thresholds[1], thresholds[2])
    policy.isOverloaded = { load in
      load.requestsPerSecond > rate || load.utilisation > utilisation
        || load.latencyP99 / .milliseconds(1) > latency
    }
  }

  /// A number above 0, or nil for `off`.
  private static func threshold(
    _ name: String, _ flag: String?, _ configuration: Configuration, most: Double,
    default fallback: Double?
  ) throws -> Double? {
    let usual = fallback.map { "\($0)" } ?? "off"
    guard let text: String = try configuration.optional(name, flag: flag, usual: usual) else {
      return fallback
    }
    if text == "off" { return nil }
    guard let number = Double(text), number > 0, number <= most else {
      throw configuration.wrong(
        name,
        "is \"\(text)\"; it can be off, or a number above 0 and up to "
          + (most < 1 ? "\(most)" : "\(UInt64(most))"))
    }
    return number
  }

  private static func milliseconds(
    _ name: String, _ flag: Double?, _ configuration: Configuration, default fallback: UInt64
  ) throws -> UInt64 {
    let usual = "\(Double(fallback) / 1_000)"
    guard let seconds = try configuration.optional(name, flag: flag, usual: usual) else {
      return fallback
    }
    guard seconds >= 0, seconds <= longestWait else {
      throw configuration.wrong(name, "is \(seconds); it can be 0 to 86400 seconds")
    }
    return UInt64(seconds * 1_000)
  }
}
