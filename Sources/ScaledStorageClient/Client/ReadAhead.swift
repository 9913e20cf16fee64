import Synchronization

/// Reads keys ahead of who takes their values: never more than a bound are under way or wait.
final class ReadAhead: Sendable {
  typealias Element = (key: String, entry: Entry<[UInt8]>?)
  fileprivate typealias Outcome = Result<Element?, ClientError>

  fileprivate struct State {
    /// Read, and not taken yet.
    var results: [Element] = []
    /// Where in `results` the next one lies.
    var next = 0
    /// Keys that were begun and whose values were not taken.
    var held = 0
    /// Whether all keys were begun.
    var hasAll = false
    var failure: ClientError?
    var taker: UnsafeContinuation<Outcome, Never>?
    /// Who begins reads waits here for room.
    var starter: UnsafeContinuation<Void, Never>?
    var calls: [Int: PendingCall] = [:]
    var task: Task<Void, Never>?
    var isStopped = false
  }

  private let client: ClusterClient
  private let concurrency: Int
  private let state = Mutex(State())

  init<Keys: AsyncSequence & Sendable>(client: ClusterClient, keys: Keys, concurrency: Int)
  where Keys.Element == String {
    self.client = client
    // One more would be refused.
    self.concurrency = min(concurrency, client.core.maximumOutstanding)
    let task = Task(executorPreference: client.executor) { [self] in
      do {
        var count = 0
        for try await key in keys {
          guard await room() else { return }
          begin(key, count)
          count += 1
        }
        finish()
      } catch {
        fail(
          ClientError(.invalidRequest, "the keys could not be told: \(error)"))
      }
    }
    // A reader that has been stopped already has nobody to cancel it.
    let isStopped = state.withLock { state in
      state.task = task
      return state.isStopped
    }
    if isStopped { task.cancel() }
  }

  // MARK: - Beginning reads

  /// Waits until one more may be begun; false when nobody wants it any more.
  private func room() async -> Bool {
    await withUnsafeContinuation { continuation in
      let isFull = state.withLock { state in
        guard state.held >= concurrency, !state.isStopped else { return false }
        state.starter = continuation
        return true
      }
      if !isFull { continuation.resume() }
    }
    return state.withLock { !$0.isStopped }
  }

  private func begin(_ key: String, _ number: Int) {
    let request: ClusterRequest
    do throws(ClientError) {
      request = .get(try ClusterClient.bytes(of: key))
    } catch {
      return fail(error)
    }
    let call = PendingCall(request, timeout: nil) { [self] result in
      take(result, of: key, number)
    }
    let isWanted = state.withLock { state in
      guard !state.isStopped else { return false }
      state.held += 1
      state.calls[number] = call
      return true
    }
    // Whoever stops from here on finds the call, and cancels it.
    if isWanted { client.core.begin(call) }
  }

  private func finish() {
    let taker = state.withLock { state in
      state.hasAll = true
      return state.held == 0 ? state.takeTaker() : nil
    }
    taker?.resume(returning: .success(nil))
  }

  // MARK: - Results

  private func take(
    _ result: Result<ClusterReply, ClientError>, of key: String, _ number: Int
  ) {
    do throws(ClientError) {
      let entry = try ClusterClient.entry(in: try result.get())
      let taker = state.withLock { state -> UnsafeContinuation<Outcome, Never>? in
        state.calls[number] = nil
        guard let taker = state.takeTaker() else {
          state.results.append((key, entry))
          return nil
        }
        state.held -= 1
        return taker
      }
      guard let taker else { return }
      taker.resume(returning: .success((key, entry)))
      letIn()
    } catch {
      fail(error)
    }
  }

  private func fail(_ error: ClientError) {
    let taker = state.withLock { state in
      state.failure = state.failure ?? error
      return state.takeTaker()
    }
    taker?.resume(returning: .failure(error))
    stop()
  }

  /// The next value; nil at the end. One taker at a time.
  func next() async throws(ClientError) -> Element? {
    let outcome: Outcome = await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let ready = state.withLock { state in state.ready(for: continuation, concurrency) }
        if let ready { continuation.resume(returning: ready) }
      }
    } onCancel: {
      fail(ClientError(.cancelled, "the reading was cancelled"))
    }
    letIn()
    return try outcome.get()
  }

  private func letIn() {
    let starter = state.withLock { state -> UnsafeContinuation<Void, Never>? in
      guard state.held < concurrency || state.isStopped else { return nil }
      let starter = state.starter
      state.starter = nil
      return starter
    }
    starter?.resume()
  }

  /// Begins no more, and cancels what is under way.
  func stop() {
    let (calls, task) = state.withLock { state in
      state.isStopped = true
      let calls = state.calls
      state.calls = [:]
      return (calls, state.task)
    }
    task?.cancel()
    for call in calls.values { client.core.cancel(call) }
    letIn()
  }
}

extension ReadAhead.State {
  fileprivate mutating func takeTaker() -> UnsafeContinuation<ReadAhead.Outcome, Never>? {
    let taker = self.taker
    self.taker = nil
    return taker
  }

  /// What can be told at once; nil when the taker has to wait.
  fileprivate mutating func ready(
    for taker: UnsafeContinuation<ReadAhead.Outcome, Never>, _ concurrency: Int
  ) -> ReadAhead.Outcome? {
    if let failure { return .failure(failure) }
    if next < results.count {
      let result = results[next]
      next += 1
      held -= 1
      if next == results.count || next >= concurrency {
        results.removeFirst(next)
        next = 0
      }
      return .success(result)
    }
    if isStopped { return .failure(.shutDown) }
    if hasAll, held == 0 { return .success(nil) }
    self.taker = taker
    return nil
  }
}
