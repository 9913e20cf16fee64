package import HTTPTransport

/// Speaks to an etcd cluster (3.4 and newer) by its version 3 API, over gRPC.
///
/// It belongs to the loop's thread. Completions run on the loop, once each, never within the call
/// that they belong to. Every call ends within ``EtcdSettings/callDeadline``. An endpoint that
/// fails is left for the next one; within the call when nothing can be done twice by that.
package final class EtcdClient {
  package typealias Completion<Value> = (Result<Value, EtcdError>) -> Void

  package let loop: EventLoop
  let channel: GRPCChannel

  /// Entries in one answer: etcd has no other bound on its size.
  private static let page: Int64 = 32
  /// Bytes of keys and values in one range.
  private static let maxRange = 64 << 20

  package init(loop: EventLoop, settings: EtcdSettings) {
    self.loop = loop
    channel = GRPCChannel(loop: loop, settings: settings)
  }

  /// For how long no call has succeeded; at first, since the client was made.
  package var silence: Duration { MonotonicTime.current() - channel.answeredAt }

  /// Fails what is under way, and what is asked later, with `.cancelled`.
  package func shutdown() {
    channel.shutdown()
  }

  // MARK: Keys

  /// Reads a key, or all keys that begin with it, as they are now (linearizable) and at one
  /// revision. Fails with `.tooLarge` above 64 MiB.
  package func range(
    _ key: [UInt8], isPrefix: Bool = false, _ completion: @escaping Completion<EtcdRange>
  ) {
    var request = EtcdMessages.range(key, isPrefix: isPrefix)
    request.limit = Self.page
    read(request, after: EtcdRange(entries: [], revision: 0), bytes: 0, completion)
  }

  private func read(
    _ request: WireRangeRequest, after earlier: EtcdRange, bytes: Int,
    _ completion: @escaping Completion<EtcdRange>
  ) {
    channel.call("/etcdserverpb.KV/Range", request, isRepeatable: true) {
      [weak self] (result: Result<WireRangeResponse, EtcdError>) in
      guard let self else { return completion(.failure(GRPCChannel.shutDownError)) }
      switch result {
      case .failure(let error): completion(.failure(error))
      case .success(let response):
        let found = response.kvs.map(EtcdMessages.entry)
        let bytes = bytes + found.reduce(0) { $0 + $1.key.count + $1.value.count }
        // Later pages are of the revision of the first one.
        let revision = earlier.revision == 0 ? response.header.revision : earlier.revision
        let range = EtcdRange(entries: earlier.entries + found, revision: revision)
        guard response.more, let last = found.last else { return completion(.success(range)) }
        guard bytes <= Self.maxRange else {
          return completion(
            .failure(EtcdError(.tooLarge, "the keys asked for exceed \(Self.maxRange) bytes")))
        }
        var next = request
        next.key = EtcdMessages.key(after: last.key)
        next.revision = revision
        read(next, after: range, bytes: bytes, completion)
      }
    }
  }

  /// Carries a transaction out. It is sent once only, but for endpoints that certainly did not
  /// take it: when the error's `isOutcomeUnknown` is set it may have happened.
  ///
  /// Fails with `.tooLarge` above 1.5 MiB, which is what etcd takes.
  package func commit(
    _ transaction: EtcdTransaction, _ completion: @escaping Completion<EtcdOutcome>
  ) {
    channel.call(
      "/etcdserverpb.KV/Txn", EtcdMessages.transaction(transaction), isRepeatable: false
    ) { (result: Result<WireTxnResponse, EtcdError>) in
      completion(result.map(EtcdMessages.outcome))
    }
  }

  /// Tells of the changes of a key, or of all keys that begin with it, from `revision` on (0: from
  /// now on), in order, each revision's once and whole. When the connection or the endpoint fails
  /// it goes on elsewhere where it stopped.
  ///
  /// It ends with ``EtcdWatch/cancel()``, when the watch is let go, and after `.compacted`.
  package func watch(
    _ key: [UInt8], isPrefix: Bool, from revision: Int64,
    onEvent: @escaping (EtcdWatchEvent) -> Void
  ) -> EtcdWatch {
    let watch = EtcdWatch(
      channel, EtcdMessages.watch(key, isPrefix: isPrefix), from: revision, onEvent)
    watch.open()
    return watch
  }
}
