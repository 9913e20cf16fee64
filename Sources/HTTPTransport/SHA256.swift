internal import COpenSSL

/// SHA-256 (FIPS 180-4), as OpenSSL computes it.
public enum SHA256 {
  public static let byteCount = 32

  /// The digest of `bytes`. O(n).
  public static func digest(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { output, count in
      _ = COpenSSL.SHA256(bytes, bytes.count, output.baseAddress)
      count = byteCount
    }
  }

  /// A digest that is compared without telling where two differ.
  package struct Digest: Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// The digest of `bytes`. Allocates nothing.
    package init(of bytes: UnsafeRawBufferPointer) {
      withUnsafeMutableBytes(of: &words) { output in
        scaled_sha256(bytes.baseAddress, bytes.count, output.baseAddress)
      }
    }

    /// Reads 64 hexadecimal digits; nil for anything else.
    package init?(hexadecimal text: some StringProtocol) {
      guard text.utf8.count == 2 * byteCount else { return nil }
      var isValid = true
      withUnsafeMutableBytes(of: &words) { output in
        for (index, digit) in text.utf8.enumerated() {
          guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else {
            isValid = false
            return
          }
          output[index / 2] = output[index / 2] << 4 | UInt8(value)
        }
      }
      if !isValid { return nil }
    }

    /// A part of it, by which tables find it.
    package var prefix: UInt64 { words.0 }

    /// Whether both are the same, in a time that does not depend on where they differ.
    package func matches(_ other: Digest) -> Bool {
      let difference =
        (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2)
        | (words.3 ^ other.words.3)
      return difference == 0
    }

    package var hexadecimal: String {
      SHA256.hexadecimal(withUnsafeBytes(of: words) { Array($0) })
    }
  }

  /// The digest of bytes that come in parts.
  package final class Stream {
    private let state: UnsafeMutablePointer<SHA256_CTX>

    package init() {
      state = .allocate(capacity: 1)
      SHA256_Init(state)
    }

    deinit { state.deallocate() }

    package func add(_ bytes: [UInt8]) {
      SHA256_Update(state, bytes, bytes.count)
    }

    /// The digest of all parts. The stream is of no more use then.
    package func finish() -> [UInt8] {
      [UInt8](unsafeUninitializedCapacity: byteCount) { output, count in
        SHA256_Final(output.baseAddress, state)
        count = byteCount
      }
    }
  }

  /// Lower-case hexadecimal digits of a digest.
  public static func hexadecimal(_ digest: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
