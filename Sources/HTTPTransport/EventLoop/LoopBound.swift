/// Carries a value that belongs to a loop through other threads and back.
///
/// The value can be opened on its loop only; opening it elsewhere is a programming error and stops
/// the program. The last copy may be dropped on any thread, so a value whose `deinit` needs the
/// loop must be kept by the loop too.
public struct LoopBound<Value>: @unchecked Sendable {
  private let contents: Value
  private let mailbox: Mailbox

  public init(_ value: Value, loop: EventLoop) {
    contents = value
    mailbox = loop.mailbox
  }

  public var value: Value {
    precondition(mailbox.isCurrent, "a LoopBound value was opened outside its loop's thread")
    return contents
  }
}
