/// A limit that is set by its name, in a list `NAME=VALUE,NAME=VALUE`.
struct NamedLimit<Limits> {
  let name: String
  let example: String
  /// False when the text is no value.
  let set: (inout Limits, String) -> Bool
  /// What it is among `Limits`, where it is a whole number.
  var number: ((Limits) -> Int)?

  /// Sets the limits that `text` names, each at most once.
  /// - Parameter setting: the name of the setting that the list is of, as it was looked up.
  /// - Returns: those that were named.
  /// - Throws: `ConfigurationError` that says what cannot be read and what can.
  @discardableResult
  static func apply(
    _ text: String, to limits: inout Limits, of all: [NamedLimit<Limits>], setting: String,
    _ configuration: Configuration
  ) throws -> [NamedLimit<Limits>] {
    var named: [NamedLimit<Limits>] = []
    for part in text.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1).map {
        String($0.trimmingPrefix(while: { $0 == " " }))
      }
      guard pair.count == 2, let limit = all.first(where: { $0.name == pair[0] }) else {
        throw configuration.wrong(
          setting,
          "has \"\(part)\", which is no limit; write NAME=VALUE with one of "
            + all.map(\.name).joined(separator: ", "))
      }
      guard limit.set(&limits, pair[1]) else {
        throw configuration.wrong(
          setting, "has \(limit.name)=\(pair[1]); write \(limit.name)= with \(limit.example)")
      }
      guard !named.contains(where: { $0.name == limit.name }) else {
        throw configuration.wrong(setting, "has \(limit.name) a second time; remove one of them")
      }
      named.append(limit)
    }
    return named
  }

  static func count(
    _ name: String, _ path: WritableKeyPath<Limits, Int>, least: Int = 0
  ) -> NamedLimit {
    let set = { (limits: inout Limits, text: String) -> Bool in
      guard let value = Int(text), value >= least else { return false }
      limits[keyPath: path] = value
      return true
    }
    return NamedLimit(
      name: name, example: "a number, as 1000", set: set, number: { $0[keyPath: path] })
  }

  static func bytes(
    _ name: String, _ path: WritableKeyPath<Limits, Int>, from least: Int = 0, to most: Int = .max
  ) -> NamedLimit {
    let range = most == .max ? "" : ", \(least) to \(most)"
    let set = { (limits: inout Limits, text: String) -> Bool in
      guard let value = ByteCount(text) else { return false }
      let count = Int(clamping: value.count)
      guard (least...most).contains(count) else { return false }
      limits[keyPath: path] = count
      return true
    }
    return NamedLimit(
      name: name, example: "bytes, as 65536 or 64M\(range)", set: set,
      number: { $0[keyPath: path] })
  }

  static func time(_ name: String, _ path: WritableKeyPath<Limits, Duration>) -> NamedLimit {
    NamedLimit(name: name, example: "seconds, as 30 or 0.5") { limits, text in
      guard let value = Double(text), value > 0, value <= longestTime else { return false }
      limits[keyPath: path] = .microseconds(Int64(value * 1e6))
      return true
    }
  }

  /// Ten years, in seconds.
  private static var longestTime: Double { 315_360_000 }
}
