import Cluster
import HTTPTransport

/// Plain requests for values, which are nearly all: GET and PUT of a key, without conditions and
/// without a word about forwarding. They are served without allocating; everything else about keys
/// goes by ``KeyedRequest``.
extension NodeServer {
  /// Serves a plain request; nil when it is none, or when its answer is not the plain one.
  func serveValue(_ exchange: Exchange) -> Disposition? {
    guard exchange.isPlain({ isUsual($0, $1) }) else { return nil }
    switch exchange.method {
    case .get, .head: return readValue(exchange)
    case .put: return putValue(exchange)
    default: return nil
    }
  }

  /// Whether one of the cluster's own fields says what a proxy says of each request, and nothing
  /// that matters where the key is.
  private func isUsual(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
    if name.elementsEqual("ss-deadline".utf8) { return true }
    if name.elementsEqual("ss-forward".utf8) { return value.elementsEqual("proxy".utf8) }
    if name.elementsEqual("ss-hops".utf8) {
      return value.count == 1 && value[0] >= UInt8(ascii: "0")
        && value[0] <= UInt8(ascii: "0") + UInt8(KeyedRequest.maximumHops)
    }
    guard name.elementsEqual("ss-epoch".utf8), let stamp = manager.node.stamp else { return false }
    return value.elementsEqual(stamp.epochText.utf8)
  }

  private func readValue(_ exchange: Exchange) -> Disposition? {
    guard readKey(exchange) else { return nil }
    let node = manager.node
    let outcome = node.read(keyScratch.bytes, for: exchange) { header, value in
      ValueAnswer.found(header.version, value, to: exchange)
    }
    switch outcome {
    case .found:
      node.stamp(exchange)
      return .done
    case .waits: return .later
    // Nothing was done: the general way finds the same, and words it as the client asks for it.
    case .answered: return nil
    }
  }

  private func putValue(_ exchange: Exchange) -> Disposition? {
    guard readKey(exchange) else { return nil }
    let reply: KeyReply? = exchange.withBody { value in
      guard value.count <= manager.settings.maximumValueBytes else { return .missing }
      return manager.node.put(keyScratch.bytes, value, for: exchange)
    }
    // A reply at once says that nothing was done.
    return reply == nil ? .later : nil
  }

  /// Answers a plain request that had to wait.
  func concludeValue(_ token: ExchangeToken, _ reply: KeyReply) {
    guard let exchange = server?.exchange(token) else { return }
    switch reply {
    case .stored(let version, let created):
      ValueAnswer.stored(version, created: created, to: exchange)
      manager.node.stamp(exchange)
      exchange.finish()
    default:
      concludeGenerally(exchange, reply)
    }
  }

  /// Decodes the key into the scratch space; false when it is not one that the plain way takes.
  private func readKey(_ exchange: Exchange) -> Bool {
    exchange.withTarget { path, query in
      query.isEmpty && keyScratch.decode(path.dropFirst(KeyedRequest.keyPrefix.utf8CodeUnitCount))
    }
  }
}

/// Room for one key, decoded.
final class KeyScratch {
  private let storage = UnsafeMutableRawBufferPointer.allocate(
    byteCount: KeyTarget.maximumKeyBytes, alignment: 8)
  private var count = 0

  deinit { storage.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: storage[..<count]) }

  /// Takes a key of the bytes that stand for themselves, which are printable ASCII but `%`. Returns
  /// false for any other key, and for one that is empty or too long.
  func decode(_ path: Slice<UnsafeRawBufferPointer>) -> Bool {
    let path = UnsafeRawBufferPointer(rebasing: path)
    guard !path.isEmpty, path.count <= storage.count else { return false }
    for byte in path where byte < 0x21 || byte > 0x7E || byte == 0x25 { return false }
    storage.copyMemory(from: path)
    count = path.count
    return true
  }
}
