/// Refers to an object without keeping it, for closures that may outlive it: its owner clears it.
///
/// A weak reference would do the same, but makes every later retain of the object take the slow way
/// through a side table. Used on one loop's thread.
package final class BackReference<Target: AnyObject> {
  private unowned(unsafe) var object: Target?

  package init() {}

  /// Nil before it is set and after it is cleared.
  package var target: Target? { object }

  package func set(_ target: Target) { object = target }

  /// To be called in the `deinit` of the object.
  package func clear() { object = nil }
}
