public import Candid
public import Cluster

/// Methods by name and typed arguments. Clients call them by `POST /NAME`, in Candid or JSON.
///
/// The first argument is the key: it names the value, and the node that runs the method. A closure
/// that waits for nothing runs in one turn on that value alone, atomically; one that awaits may use
/// the values of any keys, each access by itself.
///
/// A name has 1 to 64 letters, digits, `_`, `-` and `.`, is not one of the cluster's own, and is
/// used once; `run()` refuses others.
extension CanisterManager {
  // MARK: - Updates

  /// Defines a method that may change the value of its key and gives a result.
  ///
  /// - Parameters:
  ///   - name: by which clients call it.
  ///   - body: receives the context, the key and the other arguments. What it changed is durable
  ///     before its result is answered; when it throws, nothing is changed, and `CallError` says
  ///     what the caller is told.
  public mutating func update<
    Key: StorageKey, each Argument: CandidConvertible, Output: CandidConvertible
  >(
    _ name: String,
    _ body:
      @escaping @Sendable (UpdateContext<Value>, Key, repeat each Argument) throws -> Output
  ) {
    addUpdate(name, .one, body)
  }

  /// The same for a body that returns the ``NodeResult`` of an access: callers get what is in it.
  public mutating func update<
    Key: StorageKey, each Argument: CandidConvertible, Output: CandidConvertible
  >(
    _ name: String,
    _ body:
      @escaping @Sendable (UpdateContext<Value>, Key, repeat each Argument) throws -> NodeResult<
        Output
      >
  ) {
    addUpdate(name, .forwarding(), body)
  }

  /// The same without a result.
  public mutating func update<Key: StorageKey, each Argument: CandidConvertible>(
    _ name: String,
    _ body: @escaping @Sendable (UpdateContext<Value>, Key, repeat each Argument) throws -> Void
  ) {
    addUpdate(name, .none, body)
  }

  private mutating func addUpdate<Key: StorageKey, each Argument: CandidConvertible, Output>(
    _ name: String, _ result: ResultForm<Output>,
    _ body:
      @escaping @Sendable (UpdateContext<Value>, Key, repeat each Argument) throws -> Output
  ) {
    application.add(
      .synchronous(name, isQuery: false, form, result) {
        (setting: CallSetting, slot: ValueSlot<Value>, key: Key, rest: repeat each Argument) in
        try body(UpdateContext(setting, slot), key, repeat each rest)
      })
  }

  // MARK: - Queries

  /// Defines a method that reads the value of its key and gives a result.
  public mutating func query<
    Key: StorageKey, each Argument: CandidConvertible, Output: CandidConvertible
  >(
    _ name: String,
    _ body: @escaping @Sendable (QueryContext<Value>, Key, repeat each Argument) throws -> Output
  ) {
    addQuery(name, .one, body)
  }

  /// The same for a body that returns the ``NodeResult`` of an access: callers get what is in it.
  public mutating func query<
    Key: StorageKey, each Argument: CandidConvertible, Output: CandidConvertible
  >(
    _ name: String,
    _ body:
      @escaping @Sendable (QueryContext<Value>, Key, repeat each Argument) throws -> NodeResult<
        Output
      >
  ) {
    addQuery(name, .forwarding(), body)
  }

  private mutating func addQuery<Key: StorageKey, each Argument: CandidConvertible, Output>(
    _ name: String, _ result: ResultForm<Output>,
    _ body: @escaping @Sendable (QueryContext<Value>, Key, repeat each Argument) throws -> Output
  ) {
    application.add(
      .synchronous(name, isQuery: true, form, result) {
        (setting: CallSetting, slot: ValueSlot<Value>, key: Key, rest: repeat each Argument) in
        try body(QueryContext(setting, slot), key, repeat each rest)
      })
  }
}

/// Methods that wait.
extension CanisterManager {
  /// Defines a method that may change values and waits for it.
  ///
  /// - Parameters:
  ///   - name: by which clients call it.
  ///   - body: runs on the node's thread between its waits, so it must not block. Each change is
  ///     durable when its `await` returns; when the body throws later, it stands.
  public mutating func update<
    Key: StorageKey, each Argument: CandidConvertible, Output: CandidConvertible
  >(
    _ name: String,
    _ body:
      @escaping @Sendable (AsyncUpdateContext<Value>, Key, repeat each Argument) async throws ->
      Output
  ) {
    application.add(.asynchronous(name, isQuery: false, form, .one, body))
  }

  /// The same for a body that returns the ``NodeResult`` of an access: a call whose key has moved
  /// is forwarded.
  public mutating func update<
    Key: StorageKey, each Argument: CandidConvertible, Output: CandidConvertible
  >(
    _ name: String,
    _ body:
      @escaping @Sendable (AsyncUpdateContext<Value>, Key, repeat each Argument) async throws ->
      NodeResult<Output>
  ) {
    application.add(.asynchronous(name, isQuery: false, form, .forwarding(), body))
  }

  /// The same without a result. End an access to the method's own key by `orForward()`, so that a
  /// call whose key has moved is forwarded.
  public mutating func update<Key: StorageKey, each Argument: CandidConvertible>(
    _ name: String,
    _ body:
      @escaping @Sendable (AsyncUpdateContext<Value>, Key, repeat each Argument) async throws ->
      Void
  ) {
    application.add(.asynchronous(name, isQuery: false, form, .none, body))
  }

  /// Defines a method that reads values and waits for it.
  public mutating func query<
    Key: StorageKey, each Argument: CandidConvertible, Output: CandidConvertible
  >(
    _ name: String,
    _ body:
      @escaping @Sendable (AsyncQueryContext<Value>, Key, repeat each Argument) async throws ->
      Output
  ) {
    application.add(
      .asynchronous(name, isQuery: true, form, .one) {
        (context: AsyncUpdateContext<Value>, key: Key, rest: repeat each Argument) in
        try await body(context.reading, key, repeat each rest)
      })
  }

  /// The same for a body that returns the ``NodeResult`` of an access: a call whose key has moved
  /// is forwarded.
  public mutating func query<
    Key: StorageKey, each Argument: CandidConvertible, Output: CandidConvertible
  >(
    _ name: String,
    _ body:
      @escaping @Sendable (AsyncQueryContext<Value>, Key, repeat each Argument) async throws ->
      NodeResult<Output>
  ) {
    application.add(
      .asynchronous(name, isQuery: true, form, .forwarding()) {
        (context: AsyncUpdateContext<Value>, key: Key, rest: repeat each Argument) in
        try await body(context.reading, key, repeat each rest)
      })
  }

  /// Defines a method that has no key and may change values: it runs at the node that is asked; a
  /// gateway asks any.
  public mutating func update<each Argument: CandidConvertible, Output: CandidConvertible>(
    anywhere name: String,
    _ body:
      @escaping @Sendable (AsyncUpdateContext<Value>, repeat each Argument) async throws -> Output
  ) {
    application.add(.anywhere(name, isQuery: false, form, .one, body))
  }

  /// The same for a body that returns the ``NodeResult`` of an access: a call whose value is at
  /// another node is forwarded there.
  public mutating func update<each Argument: CandidConvertible, Output: CandidConvertible>(
    anywhere name: String,
    _ body:
      @escaping @Sendable (AsyncUpdateContext<Value>, repeat each Argument) async throws ->
      NodeResult<Output>
  ) {
    application.add(.anywhere(name, isQuery: false, form, .forwarding(), body))
  }

  /// The same without a result.
  public mutating func update<each Argument: CandidConvertible>(
    anywhere name: String,
    _ body:
      @escaping @Sendable (AsyncUpdateContext<Value>, repeat each Argument) async throws -> Void
  ) {
    application.add(.anywhere(name, isQuery: false, form, .none, body))
  }

  /// Defines a method that has no key and reads values: it runs at the node that is asked. One
  /// without arguments is also asked by `GET /NAME`.
  public mutating func query<each Argument: CandidConvertible, Output: CandidConvertible>(
    anywhere name: String,
    _ body:
      @escaping @Sendable (AsyncQueryContext<Value>, repeat each Argument) async throws -> Output
  ) {
    application.add(
      .anywhere(name, isQuery: true, form, .one) {
        (context: AsyncUpdateContext<Value>, rest: repeat each Argument) in
        try await body(context.reading, repeat each rest)
      })
  }

  /// The same for a body that returns the ``NodeResult`` of an access: a call whose value is at
  /// another node is forwarded there.
  public mutating func query<each Argument: CandidConvertible, Output: CandidConvertible>(
    anywhere name: String,
    _ body:
      @escaping @Sendable (AsyncQueryContext<Value>, repeat each Argument) async throws ->
      NodeResult<Output>
  ) {
    application.add(
      .anywhere(name, isQuery: true, form, .forwarding()) {
        (context: AsyncUpdateContext<Value>, rest: repeat each Argument) in
        try await body(context.reading, repeat each rest)
      })
  }
}
