public import Candid
import HTTPTransport
import WireProtocol

extension ClusterClient {
  /// Calls a method of the service and reads its result.
  ///
  /// The first argument is the method's key, by which the call finds its node. The call is sent
  /// again only when it certainly was not carried out; an error tells by
  /// ``ClientError/isOutcomeUnknown`` whether it may have been.
  ///
  /// ```swift
  /// let points = try await client.call("add_score", "ada", 5, as: Int.self)
  /// ```
  /// - Parameters:
  ///   - method: the method's name.
  ///   - arguments: its arguments, the key first.
  ///   - type: the type of its result.
  ///   - timeout: how long it may take with all its attempts; nil for the client's usual time.
  /// - Throws: ``ClientError``, with ``ClientError/Code/rejected`` when the method fails and
  ///   ``ClientError/Code/badAnswer`` when its result is of another type.
  public func call<each Argument: CandidConvertible, Result: CandidConvertible>(
    _ method: String, _ arguments: repeat each Argument, as type: Result.Type,
    timeout: Duration? = nil
  ) async throws(ClientError) -> Result {
    let request = try ClusterClient.call(method, isQuery: false, repeat each arguments)
    return try ClusterClient.decode(try await results(of: request, timeout), as: type)
  }

  /// Calls a method of the service that gives nothing, or whose results are not needed.
  ///
  /// - Throws: as the call that reads a result.
  public func call<each Argument: CandidConvertible>(
    _ method: String, _ arguments: repeat each Argument, timeout: Duration? = nil
  ) async throws(ClientError) {
    let request = try ClusterClient.call(method, isQuery: false, repeat each arguments)
    _ = try await results(of: request, timeout)
  }

  /// Asks a query of the service: a method that changes nothing, and so may be sent again whatever
  /// became of it.
  ///
  /// - Throws: as ``call(_:_:as:timeout:)``.
  public func query<each Argument: CandidConvertible, Result: CandidConvertible>(
    _ method: String, _ arguments: repeat each Argument, as type: Result.Type,
    timeout: Duration? = nil
  ) async throws(ClientError) -> Result {
    let request = try ClusterClient.call(method, isQuery: true, repeat each arguments)
    return try ClusterClient.decode(try await results(of: request, timeout), as: type)
  }

  private func results(
    of request: ClusterRequest, _ timeout: Duration?
  ) async throws(ClientError) -> [UInt8] {
    let reply = try await core.perform(request, timeout: timeout)
    guard reply.isSuccess else { throw ClientError(reply, isRead: request.isRead) }
    return reply.body
  }

  private static func call<each Argument: CandidConvertible>(
    _ method: String, isQuery: Bool, _ arguments: repeat each Argument
  ) throws(ClientError) -> ClusterRequest {
    guard (1...200).contains(method.utf8.count),
      method.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"/?#%".utf8.contains($0) })
    else {
      throw ClientError(
        .invalidRequest,
        "\"\(method.prefix(60))\" cannot be a method's name: it has 1 to 200 characters of ASCII")
    }
    var key: [UInt8]?
    for argument in repeat each arguments {
      key = CallKey.bytes(of: argument)
      break
    }
    var request = ClusterRequest(
      method: .post, target: "/" + method,
      headers: [("content-type", "application/candid"), acceptsCandid],
      body: try encode(repeat each arguments), isRepeatable: isQuery, key: key)
    request.isRead = isQuery
    return request
  }
}

/// The key that a call's first argument stands for, as nodes see it. Whoever guesses wrong only
/// costs a hop.
enum CallKey {
  static func bytes(of argument: some CandidConvertible) -> [UInt8]? {
    switch argument {
    case let text as String: Array(text.utf8)
    case let bytes as [UInt8]: bytes
    case let principal as Principal: Array(principal.text.utf8)
    case let number as any FixedWidthInteger: Array(String(describing: number).utf8)
    default: nil
    }
  }
}
