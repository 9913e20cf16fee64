/// Numbers as people read them.
enum Figures {
  /// `12,345,678`.
  static func grouped(_ number: UInt64) -> String {
    let digits = Array(String(number))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  static func grouped(_ number: Int) -> String { grouped(UInt64(clamping: number)) }

  /// With `places` digits after the point; rounds half up.
  static func fixed(_ number: Double, places: Int) -> String {
    guard number.isFinite, number >= 0 else { return number < 0 ? "-" : "?" }
    var scale: UInt64 = 1
    for _ in 0..<places { scale *= 10 }
    guard let scaled = UInt64(exactly: (number * Double(scale)).rounded()) else { return "?" }
    guard places > 0 else { return String(scaled) }
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: places - fraction.count) + fraction
  }

  /// `950 B`, `1.5 KiB`, `3.2 GiB`.
  static func bytes(_ count: UInt64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    guard count >= 1_024 else { return "\(count) B" }
    var value = Double(count) / 1_024
    var unit = 0
    while value >= 1_024, unit + 1 < units.count {
      value /= 1_024
      unit += 1
    }
    return "\(fixed(value, places: 1)) \(units[unit])"
  }

  /// `850 µs`, `12.3 ms`, `2.50 s`.
  static func time(_ nanoseconds: UInt64) -> String {
    let microseconds = Double(nanoseconds) / 1_000
    if microseconds < 1_000 { return "\(fixed(microseconds, places: 0)) µs" }
    if microseconds < 1_000_000 { return "\(fixed(microseconds / 1_000, places: 1)) ms" }
    return "\(fixed(microseconds / 1_000_000, places: 2)) s"
  }

  /// `0:07`, `12:34`, `3:00:00`.
  static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "-:--" }
    let whole = Int(seconds.rounded())
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (hours, minutes) = (whole / 3_600, whole / 60 % 60)
    return hours > 0
      ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
  }
}

extension Duration {
  /// In seconds.
  var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
