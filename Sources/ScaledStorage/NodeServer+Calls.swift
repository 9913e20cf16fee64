import Cluster
import HTTPTransport
import WireProtocol

/// Calls of the module's methods. Plain ones, in binary Candid with the key in front, are run
/// straight on the value where it lies; everything else goes by ``KeyedRequest``.
extension NodeServer {
  /// Serves a plain call; nil when it is none, or cannot be done here now. Nothing was done then.
  func serveCall(_ exchange: Exchange) -> Disposition? {
    let host = runtime.modules
    guard exchange.method == .post, let interface = host.interface,
      let place = exchange.withTarget({ path, query in
        query.isEmpty ? host.method(at: path) : nil
      }),
      exchange.isPlain({ isUsual($0, $1) }), speaksCandid(exchange),
      runtime.moduleRefusal == nil
    else { return nil }
    let method = interface.methods[place]
    switch method.key {
    case .argument(0), .firstIfAny: break
    default: return nil
    }
    exchange.kind = host.countedAs[place]
    return exchange.withBody { message in
      guard let key = host.key(of: place, in: message) else { return nil }
      return method.isQuery
        ? query(place, key, message, exchange) : update(place, key, message, exchange)
    }
  }

  /// Whether the arguments come, and the results are wanted, in binary Candid.
  private func speaksCandid(_ exchange: Exchange) -> Bool {
    let isCandid = { (value: UnsafeRawBufferPointer) in
      value.elementsEqual("application/candid".utf8)
    }
    guard exchange.withHeader("content-type", isCandid) == true else { return false }
    return exchange.withHeader("accept", { isCandid($0) || $0.elementsEqual("*/*".utf8) }) ?? true
  }

  private func query(
    _ place: Int, _ key: UnsafeRawBufferPointer, _ message: UnsafeRawBufferPointer,
    _ exchange: Exchange
  ) -> Disposition? {
    let host = runtime.modules
    let outcome = runtime.node.read(key, for: exchange) { header, value in
      let outcome = host.call(place, message, hasKey: true, value: value)
      write(outcome, header.version, to: exchange)
    }
    switch outcome {
    case .found: break
    case .waits: return .later
    case .answered(.missing):
      write(host.call(place, message, hasKey: true, value: nil), nil, to: exchange)
    case .answered: return nil
    }
    runtime.node.stamp.write(to: exchange)
    return .done
  }

  private func update(
    _ place: Int, _ key: UnsafeRawBufferPointer, _ message: UnsafeRawBufferPointer,
    _ exchange: Exchange
  ) -> Disposition? {
    let host = runtime.modules
    var called = ModuleHost.Outcome.replied
    var held = 0
    let outcome = runtime.node.change(key, for: exchange, held: held) { value in
      called = host.call(place, message, hasKey: true, value: value)
      guard case .replied = called else { return .keep }
      held = host.reply.count
      return host.change
    }
    switch outcome {
    case .notServed: return nil
    case .done(let version):
      write(called, version, to: exchange)
      runtime.node.stamp.write(to: exchange)
      return .done
    case .waits(let version):
      // The answer is complete but for its stamp, and goes out when the change is durable.
      write(called, version, to: exchange)
      host.waitingBytes += held
      return .later
    }
  }

  private func write(
    _ outcome: ModuleHost.Outcome, _ version: Version?, to exchange: Exchange
  ) {
    switch outcome {
    case .failed(let problem):
      Answer(problem, as: .candid).write(to: exchange)
    case .replied:
      exchange.status = 200
      exchange.setHeader("content-type", static: "application/candid")
      if let version { exchange.setHeader("etag", quoted: version.rawValue) }
      exchange.setHeader("ss-fuel", decimal: runtime.modules.lastFuel)
      exchange.appendBody(runtime.modules.reply)
    }
  }

  /// Ends a plain call that had to wait.
  func concludeCall(_ exchange: Exchange, _ reply: KeyReply) {
    switch reply {
    case .applied:
      break
    case .value(let record):
      runLate(exchange, record)
    case .missing:
      runLate(exchange, nil)
    default:
      exchange.resetAnswer()
      let error =
        if case .refused(let error) = reply { error } else {
          ClusterError(.conflict, "the node gave no answer that a call can have")
        }
      Answer(Problem(error), as: .candid).write(to: exchange)
    }
    runtime.node.stamp.write(to: exchange)
    exchange.finish()
  }

  /// Runs a query whose value was not known at once.
  private func runLate(_ exchange: Exchange, _ record: Record?) {
    let host = runtime.modules
    guard let place = exchange.withTarget({ path, _ in host.method(at: path) }),
      let method = host.interface?.methods[place], method.isQuery,
      method.key == .argument(0) || method.key == .firstIfAny, runtime.moduleRefusal == nil
    else {
      return Answer(
        Problem(503, "module_changed", "the module was changed meanwhile; try again"), as: .candid
      ).write(to: exchange)
    }
    exchange.withBody { message in
      guard let value = record?.value else {
        return write(
          host.call(place, message, hasKey: true, value: nil), nil, to: exchange)
      }
      value.withUnsafeBytes { value in
        write(host.call(place, message, hasKey: true, value: value), record?.version, to: exchange)
      }
    }
  }

  // MARK: - Calls that are not plain

  /// Calls a method of the module, as a request of any form.
  func call(
    _ method: ModuleInterface.Method, _ exchange: Exchange
  ) throws(Problem) -> Disposition {
    if let refusal = runtime.moduleRefusal { throw refusal }
    let isGet = exchange.method == .get || exchange.method == .head
    guard !isGet || (method.isQuery && method.takesNothing) else {
      throw .methodNotAllowed(
        allow: "POST", "call \(method.name) by POST, with its arguments in the body")
    }
    if method.isKeyless { return try callKeyless(method, exchange, isGet: isGet) }
    let given = try Representation.ofRequest(contentType: exchange.header("content-type"))
    let arguments = try method.read(exchange.body, given)
    guard arguments.key != nil else { return try callKeyless(method, exchange, isGet: false) }
    let answered = try Representation.ofAnswer(
      accept: exchange.header("accept"), fallback: given)
    let call = CallInProgress(method, arguments, answered, runtime.modules).keyedCall
    return try run(KeyedRequest(call, exchange, given: given), exchange)
  }

  /// Runs a method that has no value: here, and now.
  private func callKeyless(
    _ method: ModuleInterface.Method, _ exchange: Exchange, isGet: Bool
  ) throws(Problem) -> Disposition {
    let given =
      isGet ? .json : try Representation.ofRequest(contentType: exchange.header("content-type"))
    let representation = try Representation.ofAnswer(
      accept: exchange.header("accept"), fallback: given)
    let message =
      isGet ? ModuleInterface.Method.noArguments : try method.read(exchange.body, given).message
    guard exchange.header("if-match") == nil, exchange.header("if-none-match") == nil else {
      throw Problem(
        400, "bad_condition", "\(method.name) has no key here, and so no version to compare")
    }
    let host = runtime.modules
    guard let place = host.place(of: method) else {
      throw Problem(503, "module_changed", "the module was changed meanwhile; try again")
    }
    let outcome = message.withUnsafeBytes { message in
      host.call(place, message, hasKey: false, value: nil)
    }
    if case .failed(let problem) = outcome { throw problem }
    let fuel = host.lastFuel
    var answer = Answer(
      CallResult(body: try method.body(Array(host.reply), representation), fuel: fuel),
      as: representation)
    stamp(&answer)
    answer.write(to: exchange)
    return .done
  }
}

/// A call that waits for its key's turn, and then for the disk.
private final class CallInProgress {
  private let method: ModuleInterface.Method
  private let arguments: ModuleArguments
  private let representation: Representation
  private let host: ModuleHost
  /// The results, as the caller wants them.
  private var reply: [UInt8] = []
  private var problem: Problem?
  private var fuel: UInt64 = 0

  init(
    _ method: ModuleInterface.Method, _ arguments: ModuleArguments,
    _ representation: Representation, _ host: ModuleHost
  ) {
    self.method = method
    self.arguments = arguments
    self.representation = representation
    self.host = host
  }

  deinit { host.waitingBytes -= reply.count }

  var keyedCall: KeyedCall {
    KeyedCall(
      key: arguments.key ?? [], command: method.isQuery ? .get : .apply { self.change($0) },
      conclude: { reply, _, _ throws(Problem) in try self.conclude(reply) })
  }

  private func change(_ record: Record?) -> KeyCommand.Change {
    run(record)
    guard problem == nil else { return .keep }
    switch host.change {
    case .keep: return .keep
    case .put(let bytes, let expiry): return .put(value: Array(bytes), expiry: expiry)
    case .delete: return .delete
    }
  }

  private func run(_ record: Record?) {
    // The module may have been changed while the call waited.
    guard let place = host.place(of: method) else {
      problem = Problem(503, "module_changed", "the module was changed meanwhile; try again")
      return
    }
    let outcome = arguments.message.withUnsafeBytes { message in
      guard let value = record?.value else {
        return host.call(place, message, hasKey: true, value: nil)
      }
      return value.withUnsafeBytes { host.call(place, message, hasKey: true, value: $0) }
    }
    fuel = host.lastFuel
    switch outcome {
    case .failed(let problem): self.problem = problem
    case .replied:
      // Before the change is made: who cannot be answered has changed nothing.
      do throws(Problem) {
        reply = try method.body(Array(host.reply), representation)
        host.waitingBytes += reply.count
      } catch {
        problem = error
      }
    }
  }

  private func conclude(_ keyReply: KeyReply) throws(Problem) -> CallResult {
    var version: Version?
    switch keyReply {
    case .value(let record):
      version = record.version
      run(record)
    case .missing: run(nil)
    case .applied(let made): version = made
    default: break
    }
    if let problem { throw problem }
    return CallResult(body: reply, version: version, fuel: fuel)
  }
}
