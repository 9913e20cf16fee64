import WireProtocol

/// Finds the key of a call in its binary Candid without reading the rest (Candid spec, "Binary
/// Format"), where it is plainly there: the first argument, text of ASCII or a blob. Everything
/// else is left to ``ModuleArguments``, which knows all of Candid.
struct CallScanner {
  /// What the key is to be.
  enum Kind {
    case text, blob, either
  }

  private let bytes: UnsafeRawBufferPointer
  private let kind: Kind
  private var offset = 0

  /// "DIDL", little-endian.
  private static let magic: UInt32 = 0x4c44_4944
  private static let text = -15
  private static let nat8 = -5
  private static let opt = -18
  private static let vec = -19
  private static let record = -20
  private static let variant = -21

  /// The key's bytes within the message; nil where it is not plainly there.
  static func key(
    of message: UnsafeRawBufferPointer, _ kind: Kind = .either
  ) -> UnsafeRawBufferPointer? {
    var scanner = CallScanner(bytes: message, kind)
    return scanner.key()
  }

  private init(bytes: UnsafeRawBufferPointer, _ kind: Kind) {
    self.bytes = bytes
    self.kind = kind
  }

  private mutating func key() -> UnsafeRawBufferPointer? {
    guard bytes.count > 6, bytes.loadUnaligned(as: UInt32.self) == CallScanner.magic else {
      return nil
    }
    offset = 4
    let table = offset
    guard let entries = number(), skipEntries(entries), let count = number(), count > 0,
      count < 1_000, let type = signedNumber()
    else { return nil }
    for _ in 1..<max(count, 1) {
      guard signedNumber() != nil else { return nil }
    }
    let isText = type == CallScanner.text
    guard isText ? kind != .blob : kind != .text && isBlob(type, tableAt: table),
      let size = number(),
      (1...KeyTarget.maximumKeyBytes).contains(size), size <= bytes.count - offset
    else { return nil }
    let key = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + size])
    guard isText else { return key }
    var all: UInt8 = 0
    for byte in key { all |= byte }
    return all < 0x80 ? key : nil
  }

  /// Skips entries of the type table.
  private mutating func skipEntries(_ count: Int) -> Bool {
    guard count <= 1_000 else { return false }
    for _ in 0..<count {
      switch signedNumber() {
      case CallScanner.opt?, CallScanner.vec?:
        guard signedNumber() != nil else { return false }
      case CallScanner.record?, CallScanner.variant?:
        guard let fields = number(), fields <= 1_000 else { return false }
        for _ in 0..<fields {
          guard number() != nil, signedNumber() != nil else { return false }
        }
      default: return false
      }
    }
    return true
  }

  /// Whether a type is an entry `vec nat8`.
  private func isBlob(_ type: Int, tableAt table: Int) -> Bool {
    guard type >= 0 else { return false }
    var scanner = self
    scanner.offset = table
    guard let entries = scanner.number(), type < entries, scanner.skipEntries(type) else {
      return false
    }
    return scanner.signedNumber() == CallScanner.vec && scanner.signedNumber() == CallScanner.nat8
  }

  /// LEB128 of what fits in 32 bits.
  private mutating func number() -> Int? { leb128()?.value }

  /// Signed LEB128 of what fits in 32 bits.
  private mutating func signedNumber() -> Int? {
    leb128().map { $0.isNegative ? $0.value - (1 << $0.bits) : $0.value }
  }

  private mutating func leb128() -> (value: Int, bits: Int, isNegative: Bool)? {
    var value = 0
    var bits = 0
    while offset < bytes.count, bits < 35 {
      let byte = bytes[offset]
      offset += 1
      value |= Int(byte & 0x7f) << bits
      bits += 7
      if byte & 0x80 == 0 { return (value, bits, byte & 0x40 != 0) }
    }
    return nil
  }
}
