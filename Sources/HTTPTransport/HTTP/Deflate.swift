internal import CZlib

/// The content coding "deflate": the zlib format (RFC 9110 section 8.4.1.2, RFC 1950); and the
/// format of gzip files.
public enum Deflate {
  /// What surrounds the compressed bytes.
  public enum Format: String, Sendable {
    case deflate
    /// RFC 1952.
    case gzip

    /// The bits of the window, and what zlib adds to them for gzip.
    fileprivate var windowBits: Int32 { self == .gzip ? MAX_WBITS + 16 : MAX_WBITS }
  }

  /// The bytes compressed, fast rather than small; nil when that would not make them smaller.
  public static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.count > 64 else { return nil }
    // With less room than it came from, zlib stops as soon as compression does not help.
    var length = uLongf(bytes.count - 1)
    var failed = false
    let output = [UInt8](unsafeUninitializedCapacity: bytes.count - 1) { buffer, count in
      let status = compress2(
        buffer.baseAddress, &length, bytes, uLong(bytes.count), Z_BEST_SPEED)
      failed = status != Z_OK
      count = failed ? 0 : Int(length)
    }
    return failed ? nil : output
  }

  /// The bytes in this format, the same for the same bytes; nil when that would not make them
  /// smaller. The gzip format is for what is kept: small rather than fast, without a time stamp.
  public static func compressed(_ bytes: [UInt8], format: Format) -> [UInt8]? {
    guard format == .gzip else { return compressed(bytes) }
    guard bytes.count > 64, let length = uInt(exactly: bytes.count) else { return nil }
    var stream = z_stream()
    let size = Int32(MemoryLayout<z_stream>.size)
    // 8 is the usual amount of memory (zlib.h).
    guard
      deflateInit2_(
        &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, format.windowBits, 8, Z_DEFAULT_STRATEGY,
        zlibVersion(), size) == Z_OK
    else { return nil }
    defer { deflateEnd(&stream) }
    var isWhole = false
    let output = [UInt8](unsafeUninitializedCapacity: bytes.count - 1) { room, count in
      bytes.withUnsafeBufferPointer { input in
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.avail_in = length
        stream.next_out = room.baseAddress
        stream.avail_out = length - 1
        isWhole = deflate(&stream, Z_FINISH) == Z_STREAM_END
      }
      count = isWhole ? Int(length - 1 - stream.avail_out) : 0
    }
    return isWhole ? output : nil
  }

  /// What `bytes` were made of.
  ///
  /// - Parameter limit: the most bytes that it may be; a little input can stand for a lot.
  /// - Throws: `.tooLarge` beyond the limit, `.protocolViolation` for bytes that are not of the
  ///   format, are cut short, or go on after their end.
  public static func expanded(
    _ bytes: [UInt8], limit: Int, format: Format = .deflate
  ) throws(TransportError) -> [UInt8] {
    var stream = z_stream()
    let size = Int32(MemoryLayout<z_stream>.size)
    guard inflateInit2_(&stream, format.windowBits, zlibVersion(), size) == Z_OK else {
      throw TransportError(.system, "there is no memory to expand what was sent")
    }
    defer { inflateEnd(&stream) }
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: min(max(4 * bytes.count, 4_096), 1 << 18))
    let status = bytes.withUnsafeBufferPointer { input in
      stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      stream.avail_in = uInt(clamping: input.count)
      var status = Z_OK
      while status == Z_OK, output.count <= limit {
        let written = piece.withUnsafeMutableBufferPointer { room in
          stream.next_out = room.baseAddress
          stream.avail_out = uInt(clamping: room.count)
          status = inflate(&stream, Z_NO_FLUSH)
          return room.count - Int(stream.avail_out)
        }
        output += piece[..<written]
      }
      return status
    }
    guard output.count <= limit else {
      throw TransportError(.tooLarge, "what was sent expands to more than \(limit) bytes")
    }
    guard status == Z_STREAM_END, stream.avail_in == 0 else {
      throw TransportError(
        .protocolViolation,
        "what was sent is not in the coding \"\(format.rawValue)\", or not whole: it expands to "
          + "\(output.count) bytes and then fails at byte \(stream.total_in)")
    }
    return output
  }
}
