extension ClusterClient {
  /// Reads the values under many keys, several at a time, as they are asked for by the loop.
  ///
  /// ```swift
  /// for try await (key, entry) in client.get(keys: names) { … }
  /// ```
  ///
  /// Results come as they arrive, in no order; each key's once. At most `concurrency` keys are read
  /// or wait to be taken by the loop; leaving the loop cancels them. The first failure ends the
  /// sequence.
  ///
  /// The next key is asked for on the client's own thread, which serves all its requests: a
  /// sequence whose `next` blocks, such as one that reads from a file or waits for a lock, keeps
  /// them all waiting. Turn such a sequence into an array, or into an `AsyncStream` that another
  /// thread fills.
  /// - Parameters:
  ///   - keys: each 1 to 1,024 bytes of UTF-8.
  ///   - concurrency: how many keys are read ahead, at least 1; no more than the client's
  ///     `maximumOutstanding` are.
  /// - Returns: a sequence whose iterations each read all the keys.
  public func get<Keys: Sequence & Sendable>(
    keys: Keys, concurrency: Int = 64
  ) -> KeyEntries<SequenceOfKeys<Keys>> where Keys.Element == String {
    get(keys: SequenceOfKeys(keys), concurrency: concurrency)
  }

  /// Reads the values under many keys that arrive one by one; as with keys that are there.
  ///
  /// `keys` may suspend for as long as it likes, but must not block: it too is advanced on the
  /// client's thread, unless it is an actor's.
  /// A failure of `keys` ends the sequence with ``ClientError/Code/invalidRequest``.
  public func get<Keys: AsyncSequence & Sendable>(
    keys: Keys, concurrency: Int = 64
  ) -> KeyEntries<Keys> where Keys.Element == String {
    KeyEntries(client: self, keys: keys, concurrency: max(concurrency, 1))
  }
}

/// Keys that are all there, as a sequence that could wait.
public struct SequenceOfKeys<Keys: Sequence & Sendable>: AsyncSequence, Sendable {
  private let keys: Keys

  init(_ keys: Keys) {
    self.keys = keys
  }

  /// Begins with the first key.
  public func makeAsyncIterator() -> Iterator { Iterator(keys: keys.makeIterator()) }

  /// One iteration over the keys.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate var keys: Keys.Iterator

    /// The next key; nil when there is none.
    public mutating func next() async -> Keys.Element? { keys.next() }
  }
}

/// The values under many keys, read several at a time: what `ClusterClient.get(keys:)` gives.
public struct KeyEntries<Keys: AsyncSequence & Sendable>: AsyncSequence, Sendable
where Keys.Element == String {
  /// A key, and what is under it; nil when there is no value.
  public typealias Element = (key: String, entry: Entry<[UInt8]>?)
  /// Why an iteration ended early.
  public typealias Failure = ClientError

  fileprivate let client: ClusterClient
  fileprivate let keys: Keys
  fileprivate let concurrency: Int

  /// Begins to read.
  public func makeAsyncIterator() -> Iterator {
    Iterator(ReadAhead(client: client, keys: keys, concurrency: concurrency))
  }

  /// One iteration; dropping it cancels what is under way.
  public struct Iterator: AsyncIteratorProtocol {
    private let owner: Owner

    /// Cancels the reading when the last copy goes.
    private final class Owner {
      let reading: ReadAhead

      init(_ reading: ReadAhead) {
        self.reading = reading
      }

      deinit { reading.stop() }
    }

    fileprivate init(_ reading: ReadAhead) {
      owner = Owner(reading)
    }

    /// The next result; nil when all keys were read.
    /// - Throws: ``ClientError``, the first that a key meets; nothing comes after it.
    public mutating func next() async throws(ClientError) -> Element? {
      try await owner.reading.next()
    }

    /// The same, where the caller is.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(ClientError) -> Element? {
      try await owner.reading.next()
    }
  }
}
