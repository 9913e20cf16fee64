public import Candid

/// What keys a method may have: the first argument names the value that the method works on, and
/// so the node that runs it.
///
/// A key has 1 to 1,024 bytes; a call with another one is answered 400. Equal bytes are the same
/// key: the text `"a"`, the blob `61` and `/kv/a` all name one value.
public protocol StorageKey: CandidConvertible {
  /// The bytes of the key.
  var keyBytes: [UInt8] { get }
}

/// UTF-8.
extension String: StorageKey {
  public var keyBytes: [UInt8] { Array(utf8) }
}

/// As they are. Keys that are not UTF-8 cannot be reached by `/kv/KEY`.
extension [UInt8]: StorageKey {
  public var keyBytes: [UInt8] { self }
}

/// The principal's text, as `/kv/KEY` shows it.
extension Principal: StorageKey {
  public var keyBytes: [UInt8] { Array(text.utf8) }
}

/// In decimal digits.
extension UInt64: StorageKey {
  public var keyBytes: [UInt8] { Array(String(self).utf8) }
}

/// In decimal digits.
extension Int: StorageKey {
  public var keyBytes: [UInt8] { Array(String(self).utf8) }
}
