/// What one message may cost its reader. The bytes come from a peer, so each bound is checked
/// before the work it bounds.
public struct CandidLimits: Hashable, Sendable {
  /// Nesting of values and of types; a cell of a linked list nests by two, its opt and its record.
  /// The standard 1,024 needs about 1 MiB of stack in a release build, 5 MiB in a debug build.
  public var depth: Int
  /// Entries of a message's type table.
  public var typeTableEntries: Int
  /// Fields, methods and parameters of one message's types together.
  public var typeTableFields: Int
  /// The work that one message may cause.
  ///
  /// A byte of the header costs 4, a byte of the values 1. A primitive value costs 1, any other 2,
  /// a field of a record 7 beside its value, whether it is sent or takes its default, and an
  /// element of a `vec` 3, but 20 if it has no bytes: nothing else bounds how many of these a short
  /// message holds. A value that is read only to be dropped costs `skippingFactor` times as much.
  /// Types other than those expected cost 20 for each pair to compare, and for each field of it.
  public var cost: Int
  /// How much dearer it is to skip a value than to read it: nobody asked for it.
  public var skippingFactor: Int

  /// Bounds of which those that are not given are the standard ones.
  public init(
    depth: Int = 1_024, typeTableEntries: Int = 4_096, typeTableFields: Int = 65_536,
    cost: Int = 20_000_000, skippingFactor: Int = 50
  ) {
    self.depth = depth
    self.typeTableEntries = typeTableEntries
    self.typeTableFields = typeTableFields
    self.cost = cost
    self.skippingFactor = skippingFactor
  }

  /// The bounds that hold where no others are given.
  public static let standard = CandidLimits()

  /// For messages of our own making, however large.
  @usableFromInline static let unlimited = CandidLimits(cost: 1 << 60)

  /// Nesting of values and types as text, whose parser needs more stack: about 1 MiB in a release
  /// build, 4 MiB in a debug build.
  static let textDepth = 512

  /// Bytes of one `nat` or `int` in LEB128; bits of its magnitude, and a bound for its decimal
  /// digits, in text: conversion between the two is not linear.
  static let integerBytes = 65_536
  static let integerBits = integerBytes * 7
  static let integerDigits = 138_099
}
