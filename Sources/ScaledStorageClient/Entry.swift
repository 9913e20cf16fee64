import Cluster
import WireProtocol

/// A version of a value: no two values that were ever under one key have the same.
public struct EntryVersion: Hashable, Sendable, CustomStringConvertible {
  /// Grows with every write of the key.
  public let number: UInt64

  /// A version that was kept elsewhere as its number.
  public init(number: UInt64) {
    self.number = number
  }

  /// The number in digits.
  public var description: String { String(number) }

  /// As an entity tag (RFC 9110 section 8.8.3).
  var entityTag: String { EntityTag.text(Version(number)) }

  /// Reads what an answer's `etag` says: digits in quotes.
  init?(entityTag: ArraySlice<UInt8>?) {
    let quote = UInt8(ascii: "\"")
    guard let entityTag, entityTag.count > 2, entityTag.first == quote, entityTag.last == quote,
      let number = UInt64(digits: entityTag.dropFirst().dropLast())
    else { return nil }
    self.number = number
  }
}

/// What is under a key.
public struct Entry<Value: Sendable>: Sendable {
  /// The value.
  public let value: Value
  /// Its version, for conditions.
  public let version: EntryVersion
}

extension Entry: Equatable where Value: Equatable {}
extension Entry: Hashable where Value: Hashable {}

extension Entry<[UInt8]> {
  /// The value as UTF-8 text; nil when it is none.
  public var text: String? { String(validating: value, as: UTF8.self) }
}

/// What has to hold for a write to be carried out.
public enum WriteCondition: Hashable, Sendable {
  /// There is no value.
  case isAbsent
  /// There is a value.
  case exists
  /// The value there has this version.
  case version(EntryVersion)

  var header: (name: String, value: String) {
    switch self {
    case .isAbsent: ("if-none-match", "*")
    case .exists: ("if-match", "*")
    case .version(let version): ("if-match", version.entityTag)
    }
  }
}

/// What a write did.
public struct WriteResult: Hashable, Sendable {
  /// The version of the value that was written.
  public let version: EntryVersion
  /// Whether there was no value before; nil when the write was repeated, since an earlier attempt
  /// may have made it.
  public let isNew: Bool?
}
