import Glibc

extension TransportError {
  /// The failure of a system call, told with the system's own sentence.
  static func system(_ call: StaticString, _ number: Int32, code: Code = .system) -> TransportError
  {
    TransportError(code, "\(call): \(systemMessage(number))", systemError: number)
  }
}

func systemMessage(_ number: Int32) -> String {
  guard let text = strerror(number) else { return "error \(number)" }
  return String(cString: text)
}
