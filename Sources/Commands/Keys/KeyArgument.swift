import ArgumentParser
import ScaledStorage
import WireProtocol

/// A key on the command line.
struct KeyArgument: ExpressibleByArgument {
  let bytes: [UInt8]

  init?(argument: String) {
    bytes = Array(argument.utf8)
  }

  /// - Throws: `ValidationError` for a key that no node takes.
  func validate() throws {
    do throws(Problem) {
      try KeyTarget.validate(bytes)
    } catch {
      throw ValidationError(error.detail)
    }
  }
}

/// A version, as `etag` gives it, for `if-match`: quotes may be left out on the command line.
enum EntityTagArgument {
  static func header(_ text: String) -> String {
    text == "*" || text.hasPrefix("\"") ? text : "\"\(text)\""
  }
}
