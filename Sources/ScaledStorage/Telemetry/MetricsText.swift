import HTTPTransport

/// Prometheus' text exposition format, version 0.0.4.
package struct MetricsText {
  package enum Kind: String, Sendable {
    case gauge, counter, histogram
  }

  package typealias Labels = [(name: String, value: String)]

  package static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  package private(set) var text = ""
  private let common: String
  private var family = ""

  /// - Parameter labels: those that every sample has.
  package init(labels: Labels = []) {
    common = MetricsText.list(labels)
  }

  /// Begins a family: its samples follow.
  package mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
    family = name
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// A family of one sample.
  package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: UInt64) {
    begin(name, kind, help)
    sample(value)
  }

  package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
    begin(name, kind, help)
    sample(value)
  }

  /// Adds a sample of the family.
  package mutating func sample(_ value: UInt64, _ labels: Labels = []) {
    line("", labels, String(value))
  }

  package mutating func sample(_ value: Double, _ labels: Labels = []) {
    line("", labels, MetricsText.number(value))
  }

  /// Adds a sample that says that its labels hold.
  package mutating func info(_ labels: Labels) {
    line("", labels, "1")
  }

  /// Adds one histogram of the family.
  /// - Parameters:
  ///   - bounds: upper bounds in nanoseconds.
  ///   - buckets: one count for each bound and one for the rest, not cumulative.
  ///   - sum: in nanoseconds.
  package mutating func histogram(
    bounds: [UInt64], buckets: [UInt64], sum: UInt64, _ labels: Labels = []
  ) {
    var total: UInt64 = 0
    for (place, count) in buckets.enumerated() {
      total &+= count
      let bound = place < bounds.count ? MetricsText.seconds(bounds[place]) : "+Inf"
      line("_bucket", labels + [("le", bound)], String(total))
    }
    line("_sum", labels, MetricsText.seconds(sum))
    line("_count", labels, String(total))
  }

  private mutating func line(_ suffix: String, _ labels: Labels, _ value: String) {
    let own = MetricsText.list(labels)
    let all = common.isEmpty || own.isEmpty ? common + own : "\(common),\(own)"
    text += family
    text += suffix
    if !all.isEmpty { text += "{\(all)}" }
    text += " \(value)\n"
  }

  private static func list(_ labels: Labels) -> String {
    labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",")
  }

  private static func escaped(_ value: String) -> String {
    guard value.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else {
      return value
    }
    var text = ""
    for character in value.unicodeScalars {
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(character)
      }
    }
    return text
  }

  private static func seconds(_ nanoseconds: UInt64) -> String {
    number(Double(nanoseconds) / 1e9)
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
  }
}
