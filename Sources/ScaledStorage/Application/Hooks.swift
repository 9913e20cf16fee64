/// What a service does at the turns of a node's life.
package struct Hooks: Sendable {
  package typealias Body = @Sendable (any KeySpace) async throws -> Void

  /// When the node has become a member of a cluster, once in its life.
  package var initialised: [Body] = []
  /// When the node begins to serve, each time that it starts.
  package var started: [Body] = []
  /// When another ring is in force.
  package var ringChanged: [Body] = []
  /// Again and again, this long after the one before has ended.
  package var heartbeats: [(interval: Duration, body: Body)] = []
  /// Before the node ends in an orderly way; it waits for these, within its time to drain.
  package var stopping: [Body] = []
}
