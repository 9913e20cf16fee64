package import Cluster
package import Gateway
package import HTTPTransport
package import Logging

/// The pods of a StatefulSet as a pool's instances: there are as many as the nodes need.
///
/// What there is, is listed and then watched; how many there are to be, is said by the `/scale`
/// subresource. A StatefulSet gives up its highest ordinal first, so it is never told to have fewer
/// pods than up to the last one that holds a node, and only once nothing is under way.
package final class StatefulSetPods: InstanceSource {
  package struct Settings: Sendable {
    package var name: String
    package var namespace: String
    /// The port of the nodes in their pods.
    package var port: UInt16

    package init(name: String, namespace: String, port: UInt16) {
      self.name = name
      self.namespace = namespace
      self.port = port
    }
  }

  package var onChange: () -> Void = {}
  package private(set) var listings: [InstanceListing] = []
  package let isElastic = true
  /// A pod may wait for a machine, and its image.
  package let launchTimeout = Duration.seconds(300)

  private let settings: Settings
  private let api: KubernetesAPI
  private let loop: EventLoop
  private let logger: Logger
  /// By ordinals.
  private var pods: [Int: Pod] = [:]
  private var selector: String?
  private var version = ""
  /// The replicas that the StatefulSet was last seen to have.
  private var replicas: Int?
  private var readAt: MonotonicTime?
  private var isScaling = false
  /// Since when fewer would do.
  private var spareSince: MonotonicTime?
  private var isStopped = false
  /// What was said last, so that it is said once.
  private var remark: String?

  private static let retryInterval = Duration.seconds(1)
  /// How old ``replicas`` may be: others can scale as well.
  private static let replicasLife = Duration.seconds(10)
  private static let watchPause = Duration.milliseconds(50)
  private static let patience = Duration.seconds(3)

  package init(_ settings: Settings, api: KubernetesAPI, loop: EventLoop, logger: Logger) {
    self.settings = settings
    self.api = api
    self.loop = loop
    self.logger = logger
  }

  package func start() { list() }

  package func stop() {
    isStopped = true
    api.shutdown()
  }

  package func restart(
    _ name: String, _ completion: @escaping (Result<Void, ClusterError>) -> Void
  ) {
    api.deletePod(name, settings.namespace, completion)
  }

  // MARK: - What there is

  private func list() {
    guard !isStopped else { return }
    readScale { [weak self] in
      guard let self else { return }
      guard let selector else {
        let name = "\(settings.namespace)/\(settings.name)"
        return failed(
          ClusterError(.overloaded, "the API server tells no selector of the StatefulSet \(name)"))
      }
      api.pods(settings.namespace, selector: selector) { [weak self] result in
        guard let self, !isStopped else { return }
        switch result {
        case .failure(let error): failed(error)
        case .success(let list):
          remark = nil
          pods = [:]
          for pod in list.items { note(pod) }
          version = list.metadata.resourceVersion ?? ""
          tell()
          watch()
        }
      }
    }
  }

  private func watch() {
    guard !isStopped, let selector else { return }
    api.watchPods(
      settings.namespace, selector: selector, from: version,
      onEvent: { [weak self] event in self?.take(event) },
      onEnd: { [weak self] result in
        guard let self, !isStopped else { return }
        switch result {
        case .success:
          // A server that ends each at once is not asked without a pause.
          loop.schedule(after: StatefulSetPods.watchPause) { [weak self] in self?.watch() }
        case .failure(let error) where error.code == .staleEpoch: list()
        case .failure(let error): failed(error)
        }
      })
  }

  private func failed(_ error: ClusterError) {
    if remark != error.message { logger.error("\(error.message)") }
    remark = error.message
    loop.schedule(after: StatefulSetPods.retryInterval) { [weak self] in self?.list() }
  }

  private func take(_ event: PodEvent) {
    guard let pod = event.object else { return }
    if let version = pod.metadata.resourceVersion { self.version = version }
    switch event.type {
    case .added, .modified: note(pod)
    case .deleted: if let ordinal = ordinal(of: pod) { pods[ordinal] = nil }
    case .bookmark, .error: return
    }
    tell()
  }

  private func note(_ pod: Pod) {
    guard let ordinal = ordinal(of: pod) else { return }
    pods[ordinal] = pod
  }

  /// Nil for pods that are not the StatefulSet's.
  private func ordinal(of pod: Pod) -> Int? {
    let isOwn =
      pod.metadata.ownerReferences?.contains {
        $0.kind == "StatefulSet" && $0.name == settings.name
      } ?? false
    return isOwn ? pod.metadata.name.flatMap(ordinal(ofName:)) : nil
  }

  private func ordinal(ofName name: String) -> Int? {
    guard name.hasPrefix(settings.name + "-") else { return nil }
    return Int(name.dropFirst(settings.name.count + 1)).flatMap { $0 >= 0 ? $0 : nil }
  }

  private func tell() {
    let listings = pods.sorted { $0.key < $1.key }.map { ordinal, pod in
      let address = pod.status?.podIP.flatMap { $0.isEmpty ? nil : $0 }
      return InstanceListing(
        name: "\(settings.name)-\(ordinal)",
        authority: address.map { address in
          address.contains(":") ? "[\(address)]:\(settings.port)" : "\(address):\(settings.port)"
        }, isLeaving: pod.metadata.deletionTimestamp != nil)
    }
    guard listings != self.listings else { return }
    self.listings = listings
    onChange()
  }

  // MARK: - What there is to be

  package func need(_ needs: InstanceNeeds) {
    guard !isStopped, !isScaling, selector != nil else { return }
    guard let replicas, let readAt,
      loop.now - readAt < StatefulSetPods.replicasLife
    else { return readAgain() }
    let wanted = StatefulSetPods.replicas(
      for: needs, ordinals: needs.occupied.compactMap(ordinal(ofName:)))
    if wanted >= replicas { spareSince = nil }
    if wanted > replicas { return change(to: wanted, from: replicas) }
    guard wanted < replicas, needs.isSettled else {
      spareSince = nil
      return
    }
    let since = spareSince ?? loop.now
    spareSince = since
    if loop.now - since >= StatefulSetPods.patience { change(to: wanted, from: replicas) }
  }

  /// The fewest pods with which every node has one: those of the lowest ordinals are there.
  static func replicas(for needs: InstanceNeeds, ordinals: [Int]) -> Int {
    let last = ordinals.max() ?? -1
    return max(1, last + 1, ordinals.count + needs.searching)
  }

  private func readAgain() {
    isScaling = true
    readScale { [weak self] in self?.isScaling = false }
  }

  /// Looks how many replicas are asked for. When that fails, everything begins anew a little later.
  private func readScale(_ body: @escaping () -> Void) {
    api.scale(settings.name, settings.namespace) { [weak self] result in
      guard let self, !isStopped else { return }
      switch result {
      case .failure(let error):
        let isFirst = selector == nil
        if isFirst { return failed(error) }
        if remark != error.message { logger.error("\(error.message)") }
        remark = error.message
        loop.schedule(after: StatefulSetPods.retryInterval, body)
      case .success(let scale):
        noteScale(scale)
        body()
      }
    }
  }

  private func noteScale(_ scale: Scale) {
    replicas = scale.spec.replicas ?? 0
    readAt = loop.now
    if let selector = scale.status?.selector { self.selector = selector }
  }

  /// - Parameter before: the replicas for which that was decided; when there are others by now, it
  ///   is decided again.
  private func change(to wanted: Int, from before: Int) {
    isScaling = true
    let isOver: () -> Void = { [weak self] in self?.isScaling = false }
    api.scale(settings.name, settings.namespace) { [weak self] result in
      guard let self, !isStopped else { return }
      guard case .success(var scale) = result else {
        loop.schedule(after: StatefulSetPods.retryInterval, isOver)
        return
      }
      noteScale(scale)
      guard replicas == before else { return isOver() }
      // With the version that was read: nobody's change in between is undone.
      scale.spec.replicas = wanted
      scale.status = nil
      put(scale, from: before, isOver)
    }
  }

  private func put(_ scale: Scale, from before: Int, _ isOver: @escaping () -> Void) {
    api.replace(scale, of: settings.name, settings.namespace) { [weak self] result in
      guard let self else { return }
      spareSince = nil
      switch result {
      case .success(let scale):
        noteScale(scale)
        logger.notice(
          "\(settings.name) is scaled from \(before) to \(scale.spec.replicas ?? 0) pods")
        isOver()
      case .failure(let error):
        if error.code != .staleEpoch { logger.error("\(error.message)") }
        readAt = nil
        loop.schedule(after: StatefulSetPods.retryInterval, isOver)
      }
    }
  }
}
