package import HTTPTransport

extension Exchange {
  /// The path and the query as they came.
  package var target: String {
    let path = String(decoding: path, as: UTF8.self)
    return query.isEmpty ? path : path + "?" + String(decoding: query, as: UTF8.self)
  }
}
