/// Bounds that every engine enforces.
public enum StorageLimits {
  /// Keys have 1 to this many bytes.
  public static let maximumKeyByteCount = 65_535
  /// Values have 0 to this many bytes.
  public static let maximumValueByteCount = 64 << 20
  /// One commit has at most this many bytes, by ``WriteBatch/byteCount``.
  public static let maximumBatchByteCount = 256 << 20
}

/// When a commit counts as done.
public enum Durability: String, Sendable, Hashable, CaseIterable {
  /// After `fsync`: it survives a crash of the process, of the kernel and a loss of power.
  case fsync
  /// After the write to the kernel: it survives a crash of the process, kill -9 included, but the
  /// last moments before a crash of the kernel or a loss of power may be lost.
  case os
}
