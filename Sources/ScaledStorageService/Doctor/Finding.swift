/// What the doctor has found out about one part of a deployment.
struct Finding: Hashable, Encodable {
  enum Level: String, Encodable, CaseIterable {
    /// As it should be.
    case good
    /// It works, and will not for ever, or not for all.
    case warning
    /// It does not work, or does harm.
    case error
  }

  let level: Level
  /// What was looked at.
  let subject: String
  let sentence: String
  /// What to do about it; nil when it is good.
  var mend: String?

  static func good(_ subject: String, _ sentence: String) -> Finding {
    Finding(level: .good, subject: subject, sentence: sentence, mend: nil)
  }

  static func warning(_ subject: String, _ sentence: String, mend: String) -> Finding {
    Finding(level: .warning, subject: subject, sentence: sentence, mend: mend)
  }

  static func error(_ subject: String, _ sentence: String, mend: String) -> Finding {
    Finding(level: .error, subject: subject, sentence: sentence, mend: mend)
  }
}
