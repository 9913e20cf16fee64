/// A value that belongs to one loop's thread. A class keeps it as a constant: using the value in
/// place then needs no check of exclusive access, which costs more than most uses.
///
/// Whoever changes the value must not be called again before that ends: what is handed a part of it
/// must not reach the owner.
package struct LoopConfined<Value>: ~Copyable {
  private let pointer: UnsafeMutablePointer<Value>

  package init(_ value: consuming Value) {
    pointer = .allocate(capacity: 1)
    pointer.initialize(to: value)
  }

  deinit {
    pointer.deinitialize(count: 1)
    pointer.deallocate()
  }

  package var value: Value {
    @inline(__always) unsafeAddress { UnsafePointer(pointer) }
    @inline(__always) nonmutating unsafeMutableAddress { pointer }
  }
}
