/// What one message may cost its reader. The bytes come from a peer, so each bound is checked
/// before the work it bounds.
public struct CandidLimits: Hashable, Sendable {
  /// Nesting of values and of types. The standard 256 needs under 512 KiB of stack in a release
  /// build, and a few MiB in a debug build.
  public var depth: Int
  /// Entries of a message's type table.
  public var typeTableEntries: Int
  /// Fields, methods and parameters of one message's types together.
  public var typeTableFields: Int
  /// Steps of decoding, one for each value and type compared, beyond one for each byte of the
  /// message. Values without any bytes (`vec null`) make a short message long; this is what stops a
  /// billion of them.
  public var steps: Int

  public init(
    depth: Int = 256, typeTableEntries: Int = 4_096, typeTableFields: Int = 65_536,
    steps: Int = 1_000_000
  ) {
    self.depth = depth
    self.typeTableEntries = typeTableEntries
    self.typeTableFields = typeTableFields
    self.steps = steps
  }

  public static let standard = CandidLimits()

  /// Bytes of one `nat` or `int` in LEB128; bits of its magnitude, and a bound for its decimal
  /// digits, in text: conversion between the two is not linear.
  static let integerBytes = 65_536
  static let integerBits = integerBytes * 7
  static let integerDigits = 138_099
}
