import ArgumentParser

/// What the requests of a measurement are.
struct LoadContentOptions: ParsableArguments {
  enum Distribution: String, CaseIterable, ExpressibleByArgument {
    case uniform, zipf, sequential
  }

  @Option(help: "The share of reads, 0 to 1. (default: 0.9; 1 for a plain target)")
  var readRatio: Double?

  @Option(
    help: "Bytes of a value, or a range like 100..4000 of equally likely sizes. (default: 100)",
    transform: ValueSizes.init(parsing:))
  var valueBytes = ValueSizes(range: 100...100)

  @Option(help: "How many keys there are.")
  var keys = 10_000

  @Option(help: "How keys are chosen. (default: uniform)")
  var distribution: Distribution?

  @Option(help: "How unequal zipf makes them: the rank's weight is rank^-exponent. (default: 0.99)")
  var zipfExponent: Double?

  @Option(help: "What stands before a key's number. (default: bench/; nothing for a plain target)")
  var keyPrefix: String?

  @Flag(
    inversion: .prefixedNo,
    help: "Store every key before. (default: for a cluster; not for a plain target)")
  var preload: Bool?

  @Option(
    help: ArgumentHelp(
      "The path of a plain target, with {key} where the key's number belongs.", valueName: "path"))
  var targetPath: String?

  @Option(
    help: ArgumentHelp("A header field of every request.", valueName: "name:value"),
    transform: HeaderArgument.init(parsing:))
  var header: [HeaderArgument] = []

  @OptionGroup var call: LoadCallOptions

  func validate() throws {
    try LoadShapeOptions.check(keys, in: 1...100_000_000, "--keys")
    guard (0...1).contains(readRatio ?? 1) else { throw ValidationError("--read-ratio is 0 to 1") }
    guard zipfExponent == nil || distribution == .zipf else {
      throw ValidationError("--zipf-exponent is for --distribution zipf")
    }
    guard (zipfExponent ?? 1) > 0, (zipfExponent ?? 1) <= 10 else {
      throw ValidationError("--zipf-exponent is more than 0 and at most 10")
    }
    guard (keyPrefix?.utf8.count ?? 0) <= 512 else {
      throw ValidationError("--key-prefix has at most 512 bytes")
    }
  }

  /// - Throws: `CommandFailure` when calls cannot be made of what was given.
  func apply(to plan: inout BenchPlan) throws {
    let isPlain = if case .plain = plan.target { true } else { false }
    plan.readRatio = readRatio ?? (isPlain ? 1 : 0.9)
    plan.valueBytes = valueBytes.range
    plan.keys = UInt64(keys)
    plan.distribution =
      switch distribution ?? .uniform {
      case .uniform: .uniform
      case .zipf: .zipf(exponent: zipfExponent ?? 0.99)
      case .sequential: .sequential
      }
    plan.keyPrefix = keyPrefix ?? (isPlain && call.call == nil ? "" : "bench/")
    plan.headers = header.map { ($0.name, $0.value) }
    try call.apply(to: &plan)
  }
}

/// `100`, or `100..4000`.
struct ValueSizes: Equatable, Sendable, CustomStringConvertible {
  let range: ClosedRange<Int>

  private static let greatest = 16 << 20

  init(range: ClosedRange<Int>) {
    self.range = range
  }

  init(parsing argument: String) throws {
    let parts = argument.split(separator: "..", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(parts.count), let first = parts[0], let last = parts[parts.count - 1],
      first >= 0, first <= last, last <= ValueSizes.greatest
    else {
      throw ValidationError(
        "write it as 100, or as 100..4000 with the smaller number first; "
          + "at most \(ValueSizes.greatest)")
    }
    range = first...last
  }

  var description: String {
    range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)..\(range.upperBound)"
  }
}

/// `name: value`.
struct HeaderArgument: Sendable {
  let name: String
  let value: String

  init(parsing argument: String) throws {
    guard let colon = argument.firstIndex(of: ":"), colon > argument.startIndex else {
      throw ValidationError("write it as NAME:VALUE")
    }
    name = String(argument[..<colon])
    value =
      argument[argument.index(after: colon)...].trimmingPrefix(while: \.isWhitespace)
      .description
  }
}
