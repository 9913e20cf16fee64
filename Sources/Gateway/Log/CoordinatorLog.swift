package import Candid
package import Cluster
package import ScaledStorage

/// Where the coordinator's state is kept, and which gateway may change it.
///
/// It lives on the gateway's loop, and calls nobody within a call of its own.
package protocol CoordinatorLog: AnyObject {
  /// The state that was durable when the log was opened, or what another gateway has made of it.
  var state: CoordinatorState { get }
  /// Whether this gateway leads: it alone changes the state. False before another one can.
  var isLeading: Bool { get }
  /// `host:port` of the gateway that leads, as far as that is known; nil for this one.
  var leader: String? { get }
  /// For how long the place where the state is has answered nothing; nil for this program's own.
  var silence: Duration? { get }
  /// Set before ``start(address:)``.
  var onEvent: (CoordinatorLogEvent) -> Void { get set }

  /// Begins to follow what others do, and leads when nobody does.
  /// - Parameter address: where other gateways and nodes reach this one.
  func start(address: String)

  /// Makes a state durable while this gateway leads; an event tells what came of it. Of states that
  /// wait for each other, only the last may be written.
  ///
  /// - Parameters:
  ///   - desired: the nodes for which there are to be instances, for people and other programs.
  ///   - sequence: greater than any before it in this term.
  func submit(_ state: [UInt8], desired: [Principal], sequence: UInt64)

  /// Lets another gateway lead at once; `done` is called once, also when nobody can be told.
  func release(_ done: @escaping () -> Void)

  /// Ends the log: nothing is written any more.
  func close()

  /// Makes a module durable where every gateway finds it.
  func add(_ module: Module, _ completion: @escaping (Result<Void, ClusterError>) -> Void)

  /// The module that some gateway has added; nil when there is none.
  func module(
    _ digest: [UInt8], _ completion: @escaping (Result<Module?, ClusterError>) -> Void)

  /// Removes all modules but some.
  /// - Parameter digests: tells which are to stay, at the time when it is looked what there is.
  func keepOnlyModules(_ digests: @escaping () -> [[UInt8]])
}

/// What a log tells its coordinator.
package enum CoordinatorLogEvent {
  /// This gateway leads from now on, and begins with this state. A term begins.
  case leads(CoordinatorState)
  /// Another gateway leads, or none does; this is the state. Ends the term.
  case follows(CoordinatorState)
  /// What was submitted up to this sequence of the present term is durable.
  case persisted(through: UInt64)
  /// What was submitted may not be durable; the state of now has to be submitted again.
  case failed(reason: String)
  /// Nothing can be written until the program starts again.
  case broken(reason: String)
}
