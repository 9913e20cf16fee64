import Glibc
import Logging

/// Writes the log line by line, in text or in JSON. Control characters are escaped, so that no
/// client can make up lines or move a terminal's cursor.
struct LineLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  var logLevel = Logger.Level.info
  private let label: String
  private let isText: Bool
  private let sink: LogSink

  /// What is longer is cut.
  private static let longestLine = 32_768

  init(label: String, format: LogFormat, sink: LogSink = .standardError) {
    self.label = label
    isText = format.resolved(for: sink.descriptor) == .text
    self.sink = sink
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var fields = metadata
    for more in [metadataProvider?.get(), event.metadata] {
      if let more { fields.merge(more) { $1 } }
    }
    sink.write(line(event.level, "\(event.message)", fields)) { lost in
      let count = lost == 1 ? "1 line of the log was" : "\(lost) lines of the log were"
      return line(.warning, "\(count) lost: nobody read standard error", metadata)
    }
  }

  private func line(
    _ level: Logger.Level, _ message: String, _ fields: Logger.Metadata
  ) -> [UInt8] {
    let time = LogTime.now
    var line = sink.isJournal ? "<\(level.journalPriority)>" : ""
    line +=
      isText
      ? TextLine.make(time, level, label, message, fields)
      : JSONLine.make(time, level, label, message, fields)
    var bytes = Array(line.utf8)
    if bytes.count > LineLogHandler.longestLine, isText {
      bytes = Array(bytes.prefix(LineLogHandler.longestLine)) + Array(" … cut".utf8)
    }
    bytes.append(0x0A)
    return bytes
  }
}

/// The time of day as RFC 3339 writes it, in UTC with milliseconds.
enum LogTime {
  static var now: String {
    var time = timespec()
    guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { return "" }
    return text(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
  }

  static func text(seconds: Int, milliseconds: Int) -> String {
    var seconds = seconds
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else { return "" }
    let date = [
      padded(Int(parts.tm_year) + 1_900, 4), padded(Int(parts.tm_mon) + 1, 2),
      padded(Int(parts.tm_mday), 2),
    ]
    let clock = [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)].map { padded($0, 2) }
    return date.joined(separator: "-") + "T" + clock.joined(separator: ":")
      + ".\(padded(milliseconds, 3))Z"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// `TIME LEVEL LABEL: MESSAGE KEY=VALUE …`
enum TextLine {
  static func make(
    _ time: String, _ level: Logger.Level, _ label: String, _ message: String,
    _ fields: Logger.Metadata
  ) -> String {
    var line = "\(time) \(level.rawValue) \(label): \(escaped(message))"
    for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
      let text = "\(value)"
      let isPlain = !text.isEmpty && !text.unicodeScalars.contains(where: needsQuotes)
      line += " \(escaped(key))=" + (isPlain ? escaped(text) : "\"\(escaped(quoted(text)))\"")
    }
    return line
  }

  private static func needsQuotes(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case " ", "\"", "=", "\\": true
    default: false
    }
  }

  /// With what would end the quotes, or look like an escape, escaped.
  private static func quoted(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { result.append("\\") }
      result.append(scalar)
    }
    return String(result)
  }

  /// With control characters, and those that change the direction of writing, as `\u{…}`.
  static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where isControl(scalar): result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}

/// One object of JSON; the fields of the message stand beside its own.
enum JSONLine {
  private static let ownKeys: Set = ["time", "level", "label", "message"]

  static func make(
    _ time: String, _ level: Logger.Level, _ label: String, _ message: String,
    _ fields: Logger.Metadata
  ) -> String {
    var line = "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"label\":\(string(label))"
    line += ",\"message\":\(string(message))"
    for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
      line += ",\(string(ownKeys.contains(key) ? "field_\(key)" : key)):\(json(value, depth: 0))"
    }
    return line + "}"
  }

  private static func json(_ value: Logger.Metadata.Value, depth: Int) -> String {
    switch value {
    case .string(let text): return string(text)
    case .stringConvertible(let value):
      switch value {
      case let number as any BinaryInteger: return "\(number)"
      case let number as Double where number.isFinite: return "\(number)"
      case let isSet as Bool: return "\(isSet)"
      default: return string("\(value)")
      }
    case .array(let values):
      guard depth < 8 else { return string("…") }
      return "[" + values.map { json($0, depth: depth + 1) }.joined(separator: ",") + "]"
    case .dictionary(let values):
      guard depth < 8 else { return string("…") }
      let entries = values.sorted { $0.key < $1.key }
        .map { "\(string($0.key)):\(json($0.value, depth: depth + 1))" }
      return "{" + entries.joined(separator: ",") + "}"
    }
  }

  /// RFC 8259 section 7; besides, what is no printable character of its own is escaped.
  private static func string(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars.prefix(8_192) {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case _ where TextLine.isControl(scalar):
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension Logger.Level {
  /// As syslog(3) counts.
  fileprivate var journalPriority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
