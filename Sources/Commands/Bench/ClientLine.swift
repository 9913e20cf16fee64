import HTTPTransport
import ScaledStorageClient
import WireProtocol

/// A line to a cluster through the client library, as programs use it: each request is a task.
final class ClientLine: LoadLine {
  private let index: Int
  private let plan: BenchPlan
  private let body: LoadBody
  private let client: ClusterClient
  private let bound: LoopBound<Reference>
  private unowned let owner: any LoadLineOwner
  private var underWay = 0

  /// What tasks on the loop hold of their line, which outlives none of them.
  private final class Reference {
    weak var line: ClientLine?
  }

  init(
    _ index: Int, _ plan: BenchPlan, _ client: BenchPlan.Client, tls: TLSContext?, body: LoadBody,
    loop: EventLoop, owner: any LoadLineOwner
  ) throws(TransportError) {
    self.index = index
    self.plan = plan
    self.owner = owner
    self.body = body
    var settings = ClusterEngine.Settings(endpoint: plan.endpoint)
    settings.routing = client.routing
    settings.credential = client.credential
    settings.headers = plan.headers
    settings.tls = tls
    settings.timeout = plan.timeout
    settings.connectPatience = plan.timeout
    settings.limits.maxConnectionsPerPeer = 1
    settings.limits.maxStreamsPerConnection = plan.streams
    self.client = ClusterClient(try ClusterEngine(loop: loop, settings))
    let reference = Reference()
    bound = LoopBound(reference, loop: loop)
    reference.line = self
    loop.mailbox.post { [bound = LoopBound(owner, loop: loop)] in
      bound.value.lineIsReady()
      bound.value.lineHasRoom(index)
    }
  }

  var room: Int { plan.streams - underWay }

  var extraHops: UInt64 { client.statistics.extraHops }
  var retries: UInt64 { client.statistics.retries }

  func send(_ request: LoadRequest) {
    underWay += 1
    let key = String(decoding: plan.key(request.key), as: UTF8.self)
    let value = request.isWrite ? body.bytes(of: request) : nil
    Task(executorPreference: client.executor) { [client, bound] in
      let outcome: Result<(status: Int, bytes: Int), ClientError>
      do throws(ClientError) {
        if let value {
          outcome = .success((try await client.put(key, value).isNew == true ? 201 : 200, 0))
        } else if let entry = try await client.get(key) {
          outcome = .success((200, entry.value.count))
        } else {
          outcome = .success((404, 0))
        }
      } catch {
        outcome = .failure(error)
      }
      bound.value.line?.ended(request, outcome)
    }
  }

  private func ended(
    _ request: LoadRequest, _ outcome: Result<(status: Int, bytes: Int), ClientError>
  ) {
    underWay -= 1
    let now = MonotonicTime.current().nanoseconds
    switch outcome {
    case .success(let (status, bytes)):
      owner.requestEnded(request, status: status, bytes: bytes, at: now)
    case .failure(let error):
      if let status = error.status {
        owner.noteProblem(error.description)
        owner.requestEnded(request, status: status, bytes: 0, at: now)
      } else {
        owner.requestFailed(request, kind: error.code.rawValue, error.description, at: now)
      }
    }
    owner.lineHasRoom(index)
  }

  /// Each request has a deadline of its own.
  func expire(sentBefore time: UInt64) {}

  func close() {
    client.shutDown()
  }
}
