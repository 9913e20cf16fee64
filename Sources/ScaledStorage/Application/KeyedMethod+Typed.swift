package import WireProtocol
import Candid
import Cluster

/// What a typed method's results are written as.
struct ResultForm<Output>: Sendable {
  let write: @Sendable (Output, Representation) throws -> [UInt8]
  let types: @Sendable (inout CandidTypeBuilder) -> [CandidType]
}

extension ResultForm where Output: CandidConvertible {
  static var one: ResultForm {
    ResultForm(
      write: { output, representation in try representation.body(output) },
      types: { [$0.type(of: Output.self)] })
  }
}

extension ResultForm where Output == Void {
  static var none: ResultForm {
    ResultForm(write: { _, representation in try representation.body() }, types: { _ in [] })
  }
}

extension ResultForm {
  /// The result itself; a call whose key lives elsewhere is forwarded.
  static func forwarding<Inner: CandidConvertible>() -> ResultForm
  where Output == NodeResult<Inner> {
    ResultForm(
      write: { output, representation in try representation.body(try output.orForward()) },
      types: { [$0.type(of: Inner.self)] })
  }
}

extension KeyedMethod {
  /// - Throws: `Problem` 400 for a key that is empty or too long.
  package static func validKey(_ key: some StorageKey) throws(Problem) -> [UInt8] {
    let bytes = key.keyBytes
    guard (1...KeyTarget.maximumKeyBytes).contains(bytes.count) else {
      throw Problem(
        400, "bad_key",
        "the key has \(bytes.count) bytes; a key has 1 to \(KeyTarget.maximumKeyBytes) bytes")
    }
    return bytes
  }

  /// What a handler threw, as its caller is told.
  package static func problem(_ error: any Error) -> Problem {
    switch error {
    case let problem as Problem: problem
    case let error as CallError: Problem(error)
    case let error as ClusterError: Problem(error)
    case let error as PartlyDone: error.problem
    default: unforeseen(error)
    }
  }

  /// An error that the service's author did not mean for callers.
  private static func unforeseen(_ error: any Error) -> Problem {
    var problem = Problem(
      500, "handler_failed", "the service failed (\(type(of: error))); the node's log tells more")
    problem.cause = "\(error)"
    return problem
  }

  /// The types of a method.
  private static func function<each Argument: CandidConvertible, Output>(
    _ types: inout CandidTypeBuilder, _ isQuery: Bool, _ result: ResultForm<Output>,
    _: repeat (each Argument).Type
  ) -> CandidFunction {
    var parameters: [CandidType] = []
    repeat parameters.append(types.type(of: (each Argument).self))
    return CandidFunction(parameters, result.types(&types), isQuery ? [.query] : [])
  }

  /// A method with a key that is done in one turn, with its key's value only.
  static func synchronous<Value, Key: StorageKey, each Argument: CandidConvertible, Output>(
    _ name: String, isQuery: Bool, _ form: ValueForm<Value>, _ result: ResultForm<Output>,
    _ body:
      @escaping @Sendable (CallSetting, ValueSlot<Value>, Key, repeat each Argument) throws ->
      Output
  ) -> KeyedMethod {
    KeyedMethod(
      name: name, isQuery: isQuery, isKeyed: true, takesNothing: false,
      read: { bytes, representation, setting throws(Problem) in
        let arguments = try representation.arguments(
          bytes, first: Key.self, rest: repeat (each Argument).self)
        let (first, rest) = (arguments.first, arguments.rest)
        let key = try validKey(first)
        let run = SynchronousCall(key, isQuery: isQuery, form, setting.maximumValueBytes) {
          slot, representation in
          try result.write(try body(setting, slot, first, repeat each rest), representation)
        }
        return run.call(answeredIn: setting.answer ?? representation)
      },
      types: { types in
        function(&types, isQuery, result, Key.self, repeat (each Argument).self)
      })
  }

  /// A method with a key that waits for the values of any keys.
  static func asynchronous<Value, Key: StorageKey, each Argument: CandidConvertible, Output>(
    _ name: String, isQuery: Bool, _ form: ValueForm<Value>, _ result: ResultForm<Output>,
    _ body:
      @escaping @Sendable (AsyncUpdateContext<Value>, Key, repeat each Argument) async throws ->
      Output
  ) -> KeyedMethod {
    KeyedMethod(
      name: name, isQuery: isQuery, isKeyed: true, takesNothing: false,
      read: { bytes, representation, setting throws(Problem) in
        let arguments = try representation.arguments(
          bytes, first: Key.self, rest: repeat (each Argument).self)
        let (first, rest) = (arguments.first, arguments.rest)
        let key = try validKey(first)
        return waiting(key: key, isQuery: isQuery) { space, progress, representation in
          let context = AsyncUpdateContext(
            reading: AsyncQueryContext(
              setting: setting, space: space, form: form, progress: progress))
          return CallResult(
            body: try result.write(
              try await body(context, first, repeat each rest), representation))
        }
      },
      types: { types in
        function(&types, isQuery, result, Key.self, repeat (each Argument).self)
      })
  }

  /// A method without a key: it runs at the node that is asked.
  static func anywhere<Value, each Argument: CandidConvertible, Output>(
    _ name: String, isQuery: Bool, _ form: ValueForm<Value>, _ result: ResultForm<Output>,
    _ body:
      @escaping @Sendable (AsyncUpdateContext<Value>, repeat each Argument) async throws -> Output
  ) -> KeyedMethod {
    var count = 0
    for _ in repeat (each Argument).self { count += 1 }
    return KeyedMethod(
      name: name, isQuery: isQuery, isKeyed: false, takesNothing: count == 0,
      read: { bytes, representation, setting throws(Problem) in
        let arguments = try representation.arguments(bytes, as: repeat (each Argument).self)
        return waiting(key: [], isQuery: isQuery) { space, progress, representation in
          let context = AsyncUpdateContext(
            reading: AsyncQueryContext(
              setting: setting, space: space, form: form, progress: progress))
          return CallResult(
            body: try result.write(try await body(context, repeat each arguments), representation))
        }
      },
      types: { types in function(&types, isQuery, result, repeat (each Argument).self) })
  }

  private static func waiting(
    key: [UInt8], isQuery: Bool,
    _ body:
      @escaping @Sendable (any KeySpace, CallProgress, Representation) async throws -> CallResult
  ) -> KeyedCall {
    let task: KeyedCall.Task = { space, representation in
      let progress = CallProgress()
      do {
        return try await body(space, progress, representation)
      } catch {
        throw progress.hasChanged ? PartlyDone(cause: error) : error
      }
    }
    return KeyedCall(key: key, command: isQuery ? .get : .apply { _ in .keep }, task: task) {
      (_, _, _) throws(Problem) in
      throw Problem(500, "unexpected_reply", "a method that waits has no command")
    }
  }
}

/// A call of a synchronous method: it runs when its key's turn has come.
private final class SynchronousCall<Value: Sendable> {
  private let key: [UInt8]
  private let isQuery: Bool
  private let form: ValueForm<Value>
  private let maximumBytes: Int
  private let body: (ValueSlot<Value>, Representation) throws -> [UInt8]
  /// What the caller is told, once the method has run.
  private var outcome: Result<[UInt8], Problem> = .success([])

  init(
    _ key: [UInt8], isQuery: Bool, _ form: ValueForm<Value>, _ maximumBytes: Int,
    _ body: @escaping (ValueSlot<Value>, Representation) throws -> [UInt8]
  ) {
    self.key = key
    self.isQuery = isQuery
    self.form = form
    self.maximumBytes = maximumBytes
    self.body = body
  }

  func call(answeredIn representation: Representation) -> KeyedCall {
    KeyedCall(
      key: key,
      command: isQuery ? .get : .apply { record in self.run(record, representation) }
    ) { reply, _, representation throws(Problem) in
      try self.conclude(reply, representation)
    }
  }

  private func run(_ record: Record?, _ representation: Representation) -> KeyCommand.Change {
    let slot = ValueSlot(key, record, form, maximumBytes: maximumBytes)
    do {
      // All that can fail comes before the change: who cannot be answered has changed nothing.
      let reply = try body(slot, representation)
      let change = try slot.outcome()
      outcome = .success(reply)
      return change
    } catch {
      outcome = .failure(KeyedMethod.problem(error))
      return .keep
    }
  }

  private func conclude(
    _ reply: KeyReply, _ representation: Representation
  ) throws(Problem) -> CallResult {
    var version: Version?
    switch reply {
    case .value(let record):
      version = record.version
      _ = run(record, representation)
    case .missing: _ = run(nil, representation)
    case .applied(let made): version = made
    default: break
    }
    return CallResult(body: try outcome.get(), version: version)
  }
}
