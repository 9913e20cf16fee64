import HTTPTransport
import WireProtocol

/// Reads the key out of the target of a request for `/kv/KEY`, where that is plain: everything that
/// has to be explained to the client is left to ``KeyTarget``.
struct KeyScanner: ~Copyable {
  private let scratch = UnsafeMutableRawBufferPointer.allocate(
    byteCount: KeyTarget.maximumKeyBytes, alignment: 1)

  deinit { scratch.deallocate() }

  /// Hands the key of a request without a query to `body`; nil for any other request, and for a key
  /// that is not plainly one. The bytes are valid within the call only.
  func withKey<Result>(
    of exchange: Exchange, _ body: (UnsafeRawBufferPointer) -> Result?
  ) -> Result? {
    exchange.withTarget { path, query in
      guard query.isEmpty, KeyedRequest.isKeyPath(path) else { return nil }
      let prefix = KeyedRequest.keyPrefix.utf8CodeUnitCount
      return withKey(in: UnsafeRawBufferPointer(rebasing: path[prefix...]), body)
    }
  }

  private func withKey<Result>(
    in path: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result?
  ) -> Result? {
    guard !path.isEmpty else { return nil }
    // Without a way out in between, so that many bytes are looked at at once.
    var all: UInt8 = 0
    var percents: UInt8 = 0
    for byte in path {
      all |= byte
      percents |= byte == UInt8(ascii: "%") ? 1 : 0
    }
    // Bytes beyond ASCII have to be checked to be UTF-8.
    guard all < 0x80 else { return nil }
    if percents != 0 { return decoded(path).flatMap(body) }
    return path.count <= KeyTarget.maximumKeyBytes ? body(path) : nil
  }

  /// Undoes percent-encoding (RFC 3986 section 2.1) of what stands for ASCII.
  private func decoded(_ path: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var count = 0
    var index = 0
    while index < path.count {
      var byte = path[index]
      index += 1
      if byte == UInt8(ascii: "%") {
        guard index + 1 < path.count, let high = KeyTarget.hexDigit(path[index]),
          let low = KeyTarget.hexDigit(path[index + 1])
        else { return nil }
        byte = high << 4 | low
        index += 2
      }
      guard byte < 0x80, count < scratch.count else { return nil }
      scratch[count] = byte
      count += 1
    }
    return UnsafeRawBufferPointer(rebasing: scratch[..<count])
  }
}
