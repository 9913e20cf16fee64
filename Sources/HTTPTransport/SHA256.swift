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

  /// Lower-case hexadecimal digits of a digest.
  public static func hexadecimal(_ digest: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
