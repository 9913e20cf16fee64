public import Candid
import HTTPTransport
import WireProtocol

extension ClusterClient {
  /// Reads the bytes under a key; nil when there is no value.
  ///
  /// - Parameters:
  ///   - key: 1 to 1,024 bytes of UTF-8.
  ///   - timeout: how long it may take with all its attempts; nil for the client's usual time.
  /// - Throws: ``ClientError``.
  public func get(
    _ key: String, timeout: Duration? = nil
  ) async throws(ClientError) -> Entry<[UInt8]>? {
    try ClusterClient.entry(in: try await ask(.get(ClusterClient.bytes(of: key)), timeout))
  }

  /// Reads the value under a key of a service whose values have a type; nil when there is none.
  ///
  /// - Throws: ``ClientError``, with ``ClientError/Code/badAnswer`` for a value of another type.
  public func get<Value: CandidConvertible>(
    _ key: String, as type: Value.Type, timeout: Duration? = nil
  ) async throws(ClientError) -> Entry<Value>? {
    var request = ClusterRequest.get(try ClusterClient.bytes(of: key))
    request.headers = [ClusterClient.acceptsCandid]
    guard let entry = try ClusterClient.entry(in: try await ask(request, timeout)) else {
      return nil
    }
    return Entry(
      value: try ClusterClient.decode(entry.value, as: type), version: entry.version)
  }

  /// Stores bytes under a key, durably before it returns.
  ///
  /// - Parameters:
  ///   - key: 1 to 1,024 bytes of UTF-8.
  ///   - value: any bytes that the service takes for a value.
  ///   - ttl: the time after which the key expires, more than zero; nil keeps it. Services count
  ///     whole seconds: a part of one is rounded up, so that nothing expires early.
  ///   - condition: what has to hold; nil writes whatever is there.
  ///   - timeout: how long it may take with all its attempts; nil for the client's usual time.
  /// - Throws: ``ClientError``, with ``ClientError/Code/preconditionFailed`` when the condition
  ///   does not hold.
  @discardableResult
  public func put(
    _ key: String, _ value: [UInt8], ttl: Duration? = nil, if condition: WriteCondition? = nil,
    timeout: Duration? = nil
  ) async throws(ClientError) -> WriteResult {
    var request = ClusterRequest.put(try ClusterClient.bytes(of: key), value)
    request.headers = [("content-type", "application/octet-stream")]
    return try await put(request, ttl, condition, timeout)
  }

  /// Stores text under a key as UTF-8, durably before it returns.
  @discardableResult
  public func put(
    _ key: String, _ text: String, ttl: Duration? = nil, if condition: WriteCondition? = nil,
    timeout: Duration? = nil
  ) async throws(ClientError) -> WriteResult {
    try await put(key, Array(text.utf8), ttl: ttl, if: condition, timeout: timeout)
  }

  /// Stores a value under a key of a service whose values have a type.
  ///
  /// - Throws: ``ClientError``, with ``ClientError/Code/rejected`` for a value that is none of the
  ///   service's.
  @discardableResult
  public func put(
    _ key: String, value: some CandidConvertible, ttl: Duration? = nil,
    if condition: WriteCondition? = nil, timeout: Duration? = nil
  ) async throws(ClientError) -> WriteResult {
    var request = ClusterRequest.put(
      try ClusterClient.bytes(of: key), try ClusterClient.encode(value))
    request.headers = [("content-type", "application/candid")]
    return try await put(request, ttl, condition, timeout)
  }

  private func put(
    _ request: ClusterRequest, _ ttl: Duration?, _ condition: WriteCondition?,
    _ timeout: Duration?
  ) async throws(ClientError) -> WriteResult {
    var request = request
    if let ttl { request.target += "?ttl=\(try ClusterClient.wholeSeconds(ttl))" }
    add(condition, to: &request)
    let reply = try await core.perform(request, timeout: timeout)
    guard reply.isSuccess else { throw ClientError(reply, isRead: false) }
    guard let version = EntryVersion(entityTag: reply.response.headers.firstBytes("etag")) else {
      throw ClientError(.badAnswer, "the answer to a write tells no version")
    }
    return WriteResult(
      version: version, isNew: reply.isUncertain ? nil : reply.status == 201)
  }

  /// Removes a key and its value.
  ///
  /// - Returns: whether there was a value; nil when the request was repeated and there is none,
  ///   since an earlier attempt may have removed it.
  /// - Throws: ``ClientError``, with ``ClientError/Code/preconditionFailed`` when the condition
  ///   does not hold.
  @discardableResult
  public func delete(
    _ key: String, if condition: WriteCondition? = nil, timeout: Duration? = nil
  ) async throws(ClientError) -> Bool? {
    let key = try ClusterClient.bytes(of: key)
    var request = ClusterRequest(method: .delete, target: KeyTarget.path(of: key), key: key)
    add(condition, to: &request)
    let reply = try await core.perform(request, timeout: timeout)
    if reply.isSuccess { return true }
    guard ClusterClient.tellsMissing(reply) else { throw ClientError(reply, isRead: false) }
    return reply.isUncertain ? nil : false
  }

  private func add(_ condition: WriteCondition?, to request: inout ClusterRequest) {
    guard let condition else { return }
    request.headers.append(condition.header)
    // Done twice, a conditional write would refuse itself.
    request.isRepeatable = false
  }

  // MARK: - Parts

  static let acceptsCandid = (name: "accept", value: "application/candid")

  private func ask(
    _ request: ClusterRequest, _ timeout: Duration?
  ) async throws(ClientError) -> ClusterReply {
    try await core.perform(request, timeout: timeout)
  }

  static func entry(in reply: ClusterReply) throws(ClientError) -> Entry<[UInt8]>? {
    guard reply.isSuccess else {
      if tellsMissing(reply) { return nil }
      throw ClientError(reply, isRead: true)
    }
    guard let version = EntryVersion(entityTag: reply.response.headers.firstBytes("etag")) else {
      throw ClientError(.badAnswer, "the answer to a read tells no version; is this a cluster?")
    }
    return Entry(value: reply.body, version: version)
  }

  private static func tellsMissing(_ reply: ClusterReply) -> Bool {
    reply.status == 404
      && reply.response.headers.firstBytes("ss-error")?.elementsEqual("not_found".utf8) == true
  }

  static func bytes(of key: String) throws(ClientError) -> [UInt8] {
    let bytes = Array(key.utf8)
    do throws(Problem) {
      try KeyTarget.validate(bytes)
    } catch {
      throw ClientError(.invalidRequest, error.detail)
    }
    return bytes
  }

  /// A time to live in the seconds that services count, rounded up.
  static func wholeSeconds(_ ttl: Duration) throws(ClientError) -> Int64 {
    guard ttl > .zero else {
      throw ClientError(.invalidRequest, "a key lives for more than no time, not \(ttl)")
    }
    let (seconds, attoseconds) = ttl.components
    return attoseconds > 0 && seconds < .max ? seconds + 1 : seconds
  }

  static func encode<each Value: CandidConvertible>(
    _ values: repeat each Value
  ) throws(ClientError) -> [UInt8] {
    do throws(CandidError) {
      return try CandidArguments.encode(repeat each values)
    } catch {
      throw ClientError(.invalidRequest, "a value cannot be written: \(error.description)")
    }
  }

  static func decode<Value: CandidConvertible>(
    _ body: [UInt8], as type: Value.Type
  ) throws(ClientError) -> Value {
    do throws(CandidError) {
      return try CandidArguments.decode(body, as: type)
    } catch {
      throw ClientError(.badAnswer, "the answer is no \(type): \(error.description)")
    }
  }
}
