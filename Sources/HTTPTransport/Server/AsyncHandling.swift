/// A request apart from its exchange, for a handler that may wait.
public struct AsyncRequest: Sendable {
  public let method: HTTPMethod
  /// The target before and after the `?`, still percent-encoded.
  public let path: [UInt8]
  public let query: [UInt8]
  public let body: [UInt8]
  private let fields: RequestFields

  init(_ exchange: Exchange) {
    method = exchange.method
    (path, query) = exchange.withTarget { (Array($0), Array($1)) }
    body = exchange.body
    fields = RequestFields(exchange)
  }

  /// The first value of a field, nil when it is absent. `name` is lower-case.
  public func header(_ name: StaticString) -> String? { fields.first("\(name)") }
}

/// What a handler that may wait answers.
public struct AsyncResponse: Sendable {
  /// 200 to 599; anything else is sent as 500.
  public var status: Int
  /// Names are lower-case. Fields that belong to the transport are ignored, as by
  /// ``Exchange/setHeader(name:_:)``.
  public var headers: [(name: String, value: String)]
  public var body: [UInt8]

  public init(status: Int = 200, headers: [(name: String, value: String)] = [], body: [UInt8] = [])
  {
    self.status = status
    self.headers = headers
    self.body = body
  }

  fileprivate func write(to exchange: Exchange) {
    exchange.status = status
    for header in headers { exchange.setHeader(name: header.name, header.value) }
    exchange.setBody(body)
  }
}

extension HTTPServer {
  /// Answers an exchange by a function that may wait, beside handlers that answer at once.
  ///
  /// The function begins at once, on the loop's thread, and goes on there whenever it has waited;
  /// it must not block. When it returns without having waited, the answer goes out as if it had
  /// been given at once; what that costs more is one task and one copy of the request. When the
  /// client is gone by the time it returns, its answer is dropped.
  ///
  /// - Returns: what the handler is to return.
  public func answer(
    _ exchange: Exchange, _ body: @escaping @Sendable (AsyncRequest) async -> AsyncResponse
  ) -> Disposition {
    let request = AsyncRequest(exchange)
    let reply = AsyncReply(exchange, core)
    Task.immediate(executorPreference: loop.executor) {
      reply.deliver(await body(request))
    }
    return reply.endHandling()
  }
}

/// Where the answer of one task goes.
private final class AsyncReply: @unchecked Sendable {
  // Unchecked: everything but the mailbox and the token is used on the loop's thread only.
  private let mailbox: Mailbox
  private let token: ExchangeToken
  private let core: ServerCore
  /// The exchange, as long as its handler has not returned.
  private var exchange: Exchange?
  private var isAnswered = false

  init(_ exchange: Exchange, _ core: ServerCore) {
    self.exchange = exchange
    self.core = core
    token = exchange.token
    mailbox = core.loop.mailbox
  }

  func deliver(_ response: AsyncResponse) {
    guard mailbox.isCurrent else {
      mailbox.post { [self] in deliver(response) }
      return
    }
    if let exchange {
      response.write(to: exchange)
      isAnswered = true
    } else if let exchange = core.exchange(token) {
      response.write(to: exchange)
      exchange.finish()
    }
  }

  func endHandling() -> Disposition {
    exchange = nil
    return isAnswered ? .done : .later
  }
}
