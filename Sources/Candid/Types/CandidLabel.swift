/// The label of a record field or variant case: a number, or a name that stands for its hash.
///
/// Labels are equal when their ids are: on the wire only the id exists (Candid spec, "Fields").
public struct CandidLabel: Hashable, Comparable, Sendable, ExpressibleByStringLiteral,
  CustomStringConvertible
{
  /// What stands for the label on the wire.
  public let id: UInt32
  /// Nil when the label was written as a number, or came from the wire.
  public let name: String?

  /// The label that a name stands for: its id is the name's ``hash(_:)``.
  public init(_ name: String) {
    self.name = name
    id = Self.hash(name)
  }

  /// A label that has a number and no name.
  public init(id: UInt32) {
    self.id = id
    name = nil
  }

  public init(stringLiteral name: String) { self.init(name) }

  /// The sum of `byte · 223^(count - index - 1)` modulo 2^32 over the name's UTF-8.
  public static func hash(_ name: String) -> UInt32 {
    var hash: UInt32 = 0
    for byte in name.utf8 { hash = hash &* 223 &+ UInt32(byte) }
    return hash
  }

  /// The name, else the id in decimal.
  public var description: String { name ?? String(id) }

  public static func == (left: CandidLabel, right: CandidLabel) -> Bool { left.id == right.id }
  public static func < (left: CandidLabel, right: CandidLabel) -> Bool { left.id < right.id }
  public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}
