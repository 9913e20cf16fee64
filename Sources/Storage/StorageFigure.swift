/// One figure of an engine, for those who watch it.
package struct StorageFigure: Hashable, Sendable {
  /// In lower case with its unit, as `memtable_bytes`; `_total` for what only grows.
  package let name: String
  package let help: String
  package let value: UInt64

  package init(_ name: String, _ help: String, _ value: UInt64) {
    self.name = name
    self.help = help
    self.value = value
  }
}

/// An engine that tells what it holds and does.
package protocol MeasuredEngine: StorageEngine {
  /// The figures of this moment. May block, as all that an engine does.
  func figures() -> [StorageFigure]
}
