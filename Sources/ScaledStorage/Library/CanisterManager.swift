public import Candid
public import Cluster

/// A service: what kind of values it keeps, what its methods do with them, and when it grows.
///
/// ```swift
/// var app = CanisterManager<Int>(shouldScaleUp: { size in size > 50 })
///
/// app.update("add") { (context, name: String, points: Int) in
///   try context.withUpsertData(name, default: 0) { value in
///     value += points
///     return value
///   }
/// }
/// ```
///
/// It is the definition only: `run()` of ScaledStorageService serves it by nodes and a gateway,
/// `TestCluster` of ScaledStorageTesting tries it within a test. Every program of a cluster has the
/// same definition.
public struct CanisterManager<Value: Sendable>: Sendable {
  package var application: Application
  package let form: ValueForm<Value>

  init(id: Principal, policy: ScalePolicy, _ form: ValueForm<Value>) {
    self.form = form
    application = Application(values: form.representation)
    application.policy = policy
    // The numbers of the nodes that follow must not end.
    guard let number = id.canisterNumber, (1...UInt64(UInt32.max)).contains(number) else {
      application.addMistake(
        "the first node's id, \(id.text), is none of a canister numbered 1 to \(UInt32.max); use "
          + "Principal.canister(number: 1)")
      return
    }
    application.firstNode = number
  }

  /// Defines a service whose nodes call for others by a rule of their size.
  ///
  /// - Parameters:
  ///   - id: the id of the first node of a new cluster; the others are numbered on from it.
  ///   - shouldScaleUp: whether a node with this many keys calls for other nodes.
  public init(
    id: Principal = .canister(number: 1),
    shouldScaleUp: @escaping @Sendable (_ size: UInt64) -> Bool
  ) where Value: CandidConvertible {
    self.init(id: id, policy: ScalePolicy { shouldScaleUp($0.keys) })
  }

  /// Defines a service that grows and shrinks by a policy, which may look at sizes, bytes, request
  /// rates and latencies.
  public init(
    id: Principal = .canister(number: 1), policy: ScalePolicy
  ) where Value: CandidConvertible {
    self.init(id: id, policy: policy, .candid)
  }

  /// The same for values that are `Codable`. They are stored as Candid text, which takes several
  /// times as long to write and to read as the messages of a `CandidConvertible` type.
  @_disfavoredOverload
  public init(
    id: Principal = .canister(number: 1),
    shouldScaleUp: @escaping @Sendable (_ size: UInt64) -> Bool
  ) where Value: Codable {
    self.init(id: id, policy: ScalePolicy { shouldScaleUp($0.keys) })
  }

  /// The same for values that are `Codable`.
  @_disfavoredOverload
  public init(id: Principal = .canister(number: 1), policy: ScalePolicy) where Value: Codable {
    self.init(id: id, policy: policy, .codable)
  }

  // MARK: - Middleware

  /// Runs ahead of each method and each request for a value, at the node that serves it, in the
  /// order of these calls. Health and control of the cluster do not pass here.
  ///
  /// - Parameters:
  ///   - fields: header fields in lower case that `body` reads beyond `authorization`, `cookie` and
  ///     those of HTTP: a gateway that proxies passes them on.
  ///   - body: may tell who calls by ``CallRequest/caller``; throws `CallError` to refuse.
  public mutating func use(
    passing fields: [StaticString] = [],
    _ body: @escaping @Sendable (inout CallRequest) throws -> Void
  ) {
    application.addPassedFields(fields)
    application.middleware.append(body)
  }

  // MARK: - Hooks

  /// Runs when a node has become a member of its cluster, once in its life; not again when the node
  /// ends while it runs. What has to be there whenever a node serves belongs into ``onStart(_:)``.
  public mutating func onInit(_ body: @escaping Hook) {
    application.hooks.initialised.append(hook(body))
  }

  /// Runs when a node begins to serve, each time that it starts.
  public mutating func onStart(_ body: @escaping Hook) {
    application.hooks.started.append(hook(body))
  }

  /// Runs at each node when another ring is in force: nodes have joined or left.
  ///
  /// - Parameter body: receives the members in the order in which they joined.
  public mutating func onRingChange(
    _ body:
      @escaping @Sendable (AsyncUpdateContext<Value>, _ members: [Principal]) async throws ->
      Void
  ) {
    application.hooks.ringChanged.append(
      hook { context in try await body(context, context.reading.space.members) })
  }

  /// Runs at each node again and again.
  ///
  /// - Parameters:
  ///   - interval: the pause after each run, at least a millisecond.
  ///   - body: what is to run.
  public mutating func heartbeat(every interval: Duration, _ body: @escaping Hook) {
    application.hooks.heartbeats.append((max(interval, .milliseconds(1)), hook(body)))
  }

  /// Runs before a node ends in an orderly way, while it can still reach values. It has the time
  /// that a node has to drain.
  public mutating func onStop(_ body: @escaping Hook) {
    application.hooks.stopping.append(hook(body))
  }

  /// What runs at the turns of a node's life. It may change the values of keys that live at the
  /// node; what it throws is noted in the log.
  public typealias Hook = @Sendable (AsyncUpdateContext<Value>) async throws -> Void

  private func hook(_ body: @escaping Hook) -> Hooks.Body {
    let form = form
    return { space in
      var request = CallRequest(
        method: nil, httpMethod: "", path: "", isSecure: true, isUpdate: true)
      request.sender = .service
      let setting = CallSetting(
        request: request, node: space.node, now: space.now,
        maximumValueBytes: space.maximumValueBytes)
      try await body(
        AsyncUpdateContext(
          reading: AsyncQueryContext(setting: setting, space: space, form: form)))
    }
  }
}
