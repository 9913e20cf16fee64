import HTTPTransport
import ScaledStorageClient
import WireProtocol

/// All that decides what a measurement does.
struct BenchPlan: Sendable {
  enum Target: Sendable {
    /// A cluster of ours: forward responses are followed.
    case cluster
    /// Any HTTP/2 server: this path, before and behind the key's number, and nothing is followed.
    case plain(prefix: String, suffix: String?)
  }

  /// The client library, and how it is used.
  struct Client: Sendable {
    var routing: ClusterEngine.Routing
    /// What lets it see where keys live.
    var credential: Credential?
  }

  enum Extent: Sendable {
    case duration(Duration)
    case requests(UInt64)
  }

  struct Arrivals: Sendable {
    /// Requests a second.
    var rate: Double
    var process: ArrivalSchedule.Process
    /// More requests behind than this end the measurement.
    var maximumBehind: UInt64
  }

  var target = Target.cluster
  /// Nil follows forward responses, from the server that was named.
  var client: Client?
  var endpoint: HTTPEndpoint
  var address: SocketAddress
  /// For https: whom to trust, and what to show.
  var tls: TLSFiles?
  /// The name that all certificates are for; nil expects that which is called.
  var peerName: String?
  var headers: [(name: String, value: String)] = []
  /// What all requests call; nil reads and writes values.
  var call: BenchCall?
  var connections = 1
  var streams = 32
  var threads = 1
  var extent = Extent.duration(.seconds(10))
  var warmUp = Duration.zero
  /// Nil for a closed loop.
  var arrivals: Arrivals?
  var keys: UInt64 = 10_000
  var distribution = KeyChooser.Distribution.uniform
  /// Stands before a key's number.
  var keyPrefix = ""
  /// Digits of a key's number, filled up with zeros; 0 for as few as it has.
  var keyDigits = 0
  var readRatio = 0.9
  /// Bytes of a value.
  var valueBytes = 100...100
  var seed: UInt64
  /// How long a request may take, and how long the target may be away.
  var timeout = Duration.seconds(30)
  /// Whether one request that fails ends it.
  var endsAtFailure = false

  /// What stores every key once.
  var preloading: BenchPlan {
    var plan = self
    plan.extent = .requests(keys)
    plan.warmUp = .zero
    plan.arrivals = nil
    plan.distribution = .sequential
    plan.readRatio = 0
    if plan.call != nil {
      // Values are stored where the cluster keeps them, whatever is measured then.
      plan.call = nil
      plan.headers = plan.headers.filter { $0.name.lowercased() != "content-type" }
      plan.target = .cluster
    }
    plan.endsAtFailure = true
    return plan
  }

  /// What writes send.
  var body: LoadBody { call?.body ?? LoadBody(values) }

  /// The values' bytes: each value is the beginning of them.
  var values: [UInt8] {
    var generator = SplitMix64(seed: seed)
    return RandomPairs.text(valueBytes.upperBound, &generator)
  }

  /// The key with this number.
  func key(_ number: UInt64) -> [UInt8] {
    let digits = String(number)
    return Array(
      (keyPrefix + String(repeating: "0", count: max(keyDigits - digits.utf8.count, 0)) + digits)
        .utf8)
  }

  /// How many of `count` things a thread has.
  func share(of count: UInt64, thread: Int) -> UInt64 {
    let (each, rest) = count.quotientAndRemainder(dividingBy: UInt64(threads))
    return each + (thread < rest ? 1 : 0)
  }
}
