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
  func isUsual(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
    if name.elementsEqual("ss-deadline".utf8) { return true }
    if name.elementsEqual("ss-forward".utf8) { return value.elementsEqual("proxy".utf8) }
    if name.elementsEqual("ss-hops".utf8) {
      return value.count == 1 && value[0] >= UInt8(ascii: "0")
        && value[0] <= UInt8(ascii: "0") + UInt8(KeyedRequest.maximumHops)
    }
    // Who asks was looked at before.
    if name.elementsEqual("ss-caller".utf8) || name.elementsEqual("ss-credential".utf8) {
      return true
    }
    return name.elementsEqual("ss-epoch".utf8)
      && value.elementsEqual(runtime.node.stamp.epochText.utf8)
  }

  private func readValue(_ exchange: Exchange) -> Disposition? {
    keyScanner.withKey(of: exchange) { key in
      let outcome = runtime.node.read(key, for: exchange) { header, value in
        ValueAnswer.found(header.version, value, to: exchange)
      }
      switch outcome {
      case .found:
        runtime.node.stamp.write(to: exchange)
        return .done
      case .waits: return .later
      // Nothing was done: the general way finds the same, and words it as the client asks for it.
      case .answered: return nil
      }
    }
  }

  private func putValue(_ exchange: Exchange) -> Disposition? {
    keyScanner.withKey(of: exchange) { key in
      exchange.withBody { value in
        guard value.count <= runtime.settings.maximumValueBytes else { return nil }
        // A reply at once says that nothing was done.
        return runtime.node.put(key, value, for: exchange) == nil ? .later : nil
      }
    }
  }

  /// Answers a plain request that had to wait.
  func concludeValue(_ token: ExchangeToken, _ reply: KeyReply) {
    guard let exchange = server?.exchange(token) else { return }
    switch reply {
    case .stored(let version, let created):
      noteCommit(exchange)
      ValueAnswer.stored(version, created: created, to: exchange)
      runtime.node.stamp.write(to: exchange)
      exchange.finish()
    case _ where !KeyedRequest.isKeyPath(exchange):
      concludeCall(exchange, reply)
    default:
      concludeGenerally(exchange, reply)
    }
  }
}
