package import HTTPTransport

/// What requests are counted as: values by the method, calls by the method's name, the rest as
/// `other`, so that no client can make up names without end.
package final class RequestKinds {
  package static let other: UInt8 = 0
  private static let getValue: UInt8 = 1
  private static let putValue: UInt8 = 2
  private static let deleteValue: UInt8 = 3

  /// By the number of the kind.
  package private(set) var names = ["other", "get_value", "put_value", "delete_value"]
  private var kinds: [String: UInt8] = [:]

  /// - Parameter names: those that are there from the beginning.
  package init(_ names: [String]) {
    for name in names { add(name) }
  }

  /// The kind of a request for a value.
  @inline(__always)
  package static func ofValue(_ method: HTTPMethod) -> UInt8 {
    switch method {
    case .get, .head: getValue
    case .put: putValue
    case .delete: deleteValue
    default: other
    }
  }

  /// The kind of that name; `other` for one that was not added.
  package subscript(name name: String) -> UInt8 { kinds[name] ?? RequestKinds.other }

  /// Adds a name, once. Beyond what can be counted, names stay `other`.
  @discardableResult
  package func add(_ name: String) -> UInt8 {
    if let known = kinds[name] { return known }
    guard names.count < AnswerCounts.maximumKinds else { return RequestKinds.other }
    let kind = UInt8(names.count)
    names.append(name)
    kinds[name] = kind
    return kind
  }
}
