import CNghttp2

/// The header fields of all requests of a measurement, laid out once: of a request only the number
/// in its path and its length are written anew.
package final class LoadTemplate {
  /// The path before and after the number.
  let prefix: UnsafeMutableBufferPointer<UInt8>
  let suffix: UnsafeMutableBufferPointer<UInt8>
  let hasNumber: Bool
  /// The fields of reads; of writes too, which have `content-length` behind them.
  let fields: UnsafeMutablePointer<nghttp2_nv>
  /// Fields of a read.
  let count: Int
  let body: LoadBody
  private let storage: UnsafeMutableBufferPointer<UInt8>

  /// Digits of the greatest number.
  static let digits = 20
  static let methodField = 0
  static let pathField = 2

  /// Bytes that one request's path and length need.
  var scratchBytes: Int { prefix.count + suffix.count + 2 * LoadTemplate.digits }

  /// - Parameters:
  ///   - authority: `HOST:PORT`.
  ///   - isSecure: whether the URLs begin with https.
  ///   - path: before and behind the number; without the second part there is no number in it.
  ///   - headers: fields that every request bears.
  ///   - write: the method of writes.
  ///   - body: what writes send.
  /// - Throws: `.invalidRequest` or `.tooLarge`, naming the part that cannot be sent.
  package init(
    authority: String, isSecure: Bool = false, path: (prefix: String, suffix: String?),
    headers: [(name: String, value: String)], write: HTTPMethod = .put, body: LoadBody
  ) throws(TransportError) {
    let example = ClientRequest(
      method: write, target: path.prefix + (path.suffix.map { "1" + $0 } ?? ""), headers: headers)
    try RequestEncoder(maxBytes: LoadTemplate.maximumBytes).encode(
      example, peer: Array(authority.utf8))
    prefix = LoadTemplate.copy(path.prefix)
    suffix = LoadTemplate.copy(path.suffix ?? "")
    hasNumber = path.suffix != nil
    let own: [(String, String)] = [
      (":method", "GET"), (":scheme", isSecure ? "https" : "http"), (":path", ""),
      (":authority", authority),
    ]
    let all =
      own
      + headers.map { (String(decoding: $0.name.utf8.map(lowercased), as: UTF8.self), $0.value) }
    count = all.count
    storage = LoadTemplate.copy(all.map { $0 + $1 }.joined() + "content-length\(write)")
    fields = .allocate(capacity: count + 1)
    self.body = body
    var offset = 0
    for (index, field) in (all + [("content-length", "")]).enumerated() {
      let name = field.0.utf8.count
      let value = field.1.utf8.count
      let start = storage.baseAddress.map { $0 + offset }
      fields.advanced(by: index).initialize(
        to: nghttp2_nv(
          name: start, value: start.map { $0 + name }, namelen: name, valuelen: value,
          flags: LoadTemplate.flags))
      offset += name + value
    }
    self.write = storage.baseAddress.map { $0 + offset }
    writeBytes = "\(write)".utf8.count
    get = fields[LoadTemplate.methodField].value
  }

  private let get: UnsafeMutablePointer<UInt8>?
  private let write: UnsafeMutablePointer<UInt8>?
  private let writeBytes: Int

  private static let maximumBytes = 16_384
  /// The bytes outlive what refers to them.
  private static let flags = UInt8(
    truncatingIfNeeded: NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue
      | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)

  deinit {
    prefix.deallocate()
    suffix.deallocate()
    storage.deallocate()
    fields.deallocate()
  }

  private static func copy(_ text: String) -> UnsafeMutableBufferPointer<UInt8> {
    let bytes = Array(text.utf8)
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
    _ = buffer.initialize(from: bytes)
    return UnsafeMutableBufferPointer(rebasing: buffer[..<bytes.count])
  }

  /// Writes a request's own parts into `scratch`, which outlives the request, and points the
  /// fields to them. Returns how many fields the request has.
  func fill(_ request: LoadRequest, _ scratch: UnsafeMutablePointer<UInt8>) -> Int {
    var end = scratch
    end.update(from: prefix.baseAddress ?? end, count: prefix.count)
    end += prefix.count
    if hasNumber {
      end += LoadTemplate.write(request.key, to: end)
      end.update(from: suffix.baseAddress ?? end, count: suffix.count)
      end += suffix.count
    }
    fields[LoadTemplate.pathField].value = scratch
    fields[LoadTemplate.pathField].valuelen = end - scratch
    fields[LoadTemplate.methodField].value = request.isWrite ? write : get
    fields[LoadTemplate.methodField].valuelen = request.isWrite ? writeBytes : 3
    guard request.isWrite else { return count }
    fields[count].value = end
    fields[count].valuelen = LoadTemplate.write(UInt64(clamping: body.count(of: request)), to: end)
    return count + 1
  }

  /// Writes the decimal digits of `number`; returns how many.
  private static func write(_ number: UInt64, to place: UnsafeMutablePointer<UInt8>) -> Int {
    var length = 1
    var rest = number
    while rest >= 10 {
      rest /= 10
      length += 1
    }
    rest = number
    var index = length
    while index > 0 {
      index -= 1
      place[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
      rest /= 10
    }
    return length
  }
}
