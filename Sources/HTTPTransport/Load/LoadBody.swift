/// The bodies of a measurement's writes: a head that all share but for the request's own number,
/// and behind it as much of the rest as the request asks for.
package struct LoadBody: Sendable {
  private let head: [UInt8]
  /// Where in the head the number's decimal digits stand, the last of them, filled up with zeros.
  private let digits: Range<Int>
  /// Whether the rest's length stands before it, as unsigned LEB128.
  private let tellsLength: Bool
  private let rest: [UInt8]

  /// Bodies that are the first bytes of `bytes`.
  package init(_ bytes: [UInt8]) {
    self.init(head: [], digits: 0..<0, tellsLength: false, rest: bytes)
  }

  /// - Parameters:
  ///   - digits: a range of places in the head; empty for bodies without a number.
  ///   - rest: requests ask for its first bytes.
  package init(head: [UInt8], digits: Range<Int>, tellsLength: Bool, rest: [UInt8]) {
    self.head = head
    self.digits = digits.clamped(to: 0..<head.count)
    self.tellsLength = tellsLength
    self.rest = rest
  }

  /// Bytes of the longest rest.
  package var restBytes: Int { rest.count }

  /// Bytes of a request's body.
  package func count(of request: LoadRequest) -> Int {
    head.count + lengthBytes(request) + request.bodyBytes
  }

  private func lengthBytes(_ request: LoadRequest) -> Int {
    guard tellsLength else { return 0 }
    return max((Int.bitWidth - request.bodyBytes.leadingZeroBitCount + 6) / 7, 1)
  }

  /// A request's body.
  package func bytes(of request: LoadRequest) -> [UInt8] {
    let count = count(of: request)
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      if let place = buffer.baseAddress { _ = copy(request, from: 0, to: place, capacity: count) }
      filled = count
    }
  }

  /// Copies the part of a request's body that begins at `offset`, and returns how long it is.
  ///
  /// Allocates nothing.
  func copy(
    _ request: LoadRequest, from offset: Int, to place: UnsafeMutablePointer<UInt8>, capacity: Int
  ) -> Int {
    let total = count(of: request)
    let end = min(offset + capacity, total)
    let restStart = total - request.bodyBytes
    if offset < restStart { writeHead(request, offset..<min(end, restStart), place) }
    let start = max(offset, restStart)
    if start < end {
      rest.withUnsafeBufferPointer { rest in
        guard let source = rest.baseAddress, end - restStart <= rest.count else { return }
        (place + (start - offset)).update(from: source + (start - restStart), count: end - start)
      }
    }
    return end - offset
  }

  /// Writes this part of what stands before the rest.
  private func writeHead(
    _ request: LoadRequest, _ part: Range<Int>, _ place: UnsafeMutablePointer<UInt8>
  ) {
    let shared = part.clamped(to: 0..<head.count)
    head.withUnsafeBufferPointer { head in
      guard let source = head.baseAddress, !shared.isEmpty else { return }
      place.update(from: source + shared.lowerBound, count: shared.count)
    }
    var number = request.key
    for index in digits.reversed() {
      if part.contains(index) {
        place[index - part.lowerBound] = UInt8(truncatingIfNeeded: 0x30 + number % 10)
      }
      number /= 10
    }
    var length = UInt64(clamping: request.bodyBytes)
    for index in 0..<lengthBytes(request) {
      let isLast = length < 0x80
      if part.contains(head.count + index) {
        let group = UInt8(truncatingIfNeeded: length & 0x7F)
        place[head.count + index - part.lowerBound] = isLast ? group : group | 0x80
      }
      length >>= 7
    }
  }
}
