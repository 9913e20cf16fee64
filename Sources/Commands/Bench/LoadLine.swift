import HTTPTransport

/// A connection of a measurement, as its worker sees it.
protocol LoadLine: AnyObject {
  /// How many requests it takes now.
  var room: Int { get }
  /// Called with room only.
  func send(_ request: LoadRequest)
  /// Gives up what was sent before `time`.
  func expire(sentBefore time: UInt64)
  /// Ends; what is under way ends too.
  func close()
  /// Hops that its requests took beyond one each, and attempts that followed others.
  var extraHops: UInt64 { get }
  var retries: UInt64 { get }
}

/// Most lines do not count them.
extension LoadLine {
  var extraHops: UInt64 { 0 }
  var retries: UInt64 { 0 }
}

/// What a line tells its worker, on the loop. None is called within ``LoadLine/send(_:)``.
protocol LoadLineOwner: AnyObject {
  /// It can be used: told once.
  func lineIsReady()
  /// It could not be made ready: told once, instead.
  func lineFailed(_ error: TransportError)
  func lineHasRoom(_ index: Int)
  func requestEnded(_ request: LoadRequest, status: Int, bytes: Int, at time: UInt64)
  /// What a server says of a failure that is told next; the first such sentence is shown.
  func noteProblem(_ sentence: String)
  func requestFailed(_ request: LoadRequest, kind: String, _ message: String, at time: UInt64)
  /// The target did not process it, so that it is to be sent again.
  func requestReturned(_ request: LoadRequest)
  func lineReconnects()
}
