package import HTTPTransport

extension Exchange {
  /// The path and the query as they came.
  package var target: String {
    String(decoding: rawTarget, as: UTF8.self)
  }
}
