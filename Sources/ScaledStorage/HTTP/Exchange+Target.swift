package import HTTPTransport

extension Exchange {
  /// The path without its slash, which names a method where it is no key.
  package var methodName: String { String(decoding: path.dropFirst(), as: UTF8.self) }

  /// The path and the query as they came.
  package var target: String {
    String(decoding: rawTarget, as: UTF8.self)
  }
}
