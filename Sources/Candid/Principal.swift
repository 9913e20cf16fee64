/// The id of a node, a user or a service: 0 to 29 bytes.
///
/// The bytes lie in four words, padded with zeros, with their count in the lowest byte of the last:
/// comparing the words compares the bytes, and a principal needs no allocation.
/// See the Internet Computer interface specification, "Principals".
public struct Principal: Hashable, Sendable {
  /// The most bytes that a principal has.
  public static let maximumByteCount = 29

  private var first: UInt64 = 0
  private var second: UInt64 = 0
  private var third: UInt64 = 0
  private var fourth: UInt64 = 0

  /// The empty principal, `aaaaa-aa`: the management canister.
  public static let management = Principal()
  /// The one byte 0x04, `2vxsx-fae`: a caller without identity.
  public static let anonymous = Principal(unchecked: CollectionOfOne(4))

  private init() {}

  /// - Throws: `invalidPrincipal` for more than 29 bytes.
  public init(_ bytes: some Collection<UInt8>) throws(CandidError) {
    guard bytes.count <= Self.maximumByteCount else {
      throw CandidError(
        .invalidPrincipal, "a principal has at most 29 bytes, this has \(bytes.count)")
    }
    self.init(unchecked: bytes)
  }

  /// Expects at most 29 bytes, which the callers have checked.
  init(unchecked bytes: some Collection<UInt8>) {
    var index = 0
    for byte in bytes {
      let word = UInt64(byte) &<< UInt64(56 &- 8 &* (index & 7))
      switch index >> 3 {
      case 0: first |= word
      case 1: second |= word
      case 2: third |= word
      default: fourth |= word
      }
      index += 1
    }
    fourth |= UInt64(index)
  }

  /// Expects at most 29 bytes, which the callers have checked.
  init(unchecked bytes: UnsafeRawBufferPointer) {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    Swift.withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
    first = UInt64(bigEndian: words.0)
    second = UInt64(bigEndian: words.1)
    third = UInt64(bigEndian: words.2)
    fourth = UInt64(bigEndian: words.3) | UInt64(bytes.count)
  }

  /// The id of the canister with the given number: 8 bytes big-endian, then 0x01 0x01.
  public static func canister(number: UInt64) -> Principal {
    var principal = Principal()
    principal.first = number
    principal.second = 0x0101 << 48
    principal.fourth = 10
    return principal
  }

  /// The number of a canister id; nil for every other principal.
  public var canisterNumber: UInt64? {
    fourth == 10 && second == 0x0101 << 48 && third == 0 ? first : nil
  }

  /// How many bytes, 0 to 29.
  public var count: Int { Int(fourth & 0xff) }

  /// The bytes, 0 to 29.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    append(to: &bytes)
    return bytes
  }

  func append(to bytes: inout [UInt8]) {
    withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  func withUnsafeBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
    let words = (first.bigEndian, second.bigEndian, third.bigEndian, fourth.bigEndian)
    Swift.withUnsafeBytes(of: words) { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
  }
}

extension Principal: Comparable {
  /// Compares byte by byte; a prefix comes before what it begins.
  public static func < (left: Principal, right: Principal) -> Bool {
    (left.first, left.second, left.third, left.fourth)
      < (right.first, right.second, right.third, right.fourth)
  }
}
