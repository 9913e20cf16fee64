import Candid
package import Cluster
package import HTTPTransport
import Placement

/// Where keys live by one map, with the owners' addresses looked up: what a proxy needs of a map
/// for each request, without a copy and without a search.
package final class RouteTable {
  /// One member that owns keys.
  package final class Owner {
    let id: Principal
    let address: String
    let peer: PeerReference

    init(id: Principal, address: String, peer: PeerReference) {
      self.id = id
      self.address = address
      self.peer = peer
    }
  }

  let epoch: UInt64
  package let revision: UInt64
  /// The epoch as it is sent.
  let epochText: [UInt8]
  private let ring: HashRing
  /// By the ring's slots; nil for what is vacant or has no address yet.
  private let owners: [Owner?]

  /// O(slots of the ring).
  package init(_ map: ClusterMap, client: HTTPClient) {
    epoch = map.ring.epoch
    revision = map.revision
    epochText = Array(String(map.ring.epoch).utf8)
    ring = map.ring
    owners = map.ring.slots.map { slot in
      guard let slot, let id = try? Principal(slot.bytes), let text = map.addresses[id],
        let address = try? SocketAddress(text)
      else { return nil }
      return Owner(id: id, address: text, peer: client.reference(to: address))
    }
  }

  /// Who owns a key; nil when that is not known yet. Allocates nothing.
  func owner(of key: UnsafeRawBufferPointer) -> Owner? {
    guard let slot = ring.ownerIndex(of: key), slot < owners.count else { return nil }
    return owners[slot]
  }
}

/// The route table of the map in force, made again when the map changes.
package final class Routes {
  package let client: HTTPClient
  private var current: RouteTable?

  package init(client: HTTPClient) {
    self.client = client
  }

  /// The table made last, if it is of this revision.
  package func table(revision: UInt64) -> RouteTable? {
    current?.revision == revision ? current : nil
  }

  package func renew(_ map: ClusterMap) -> RouteTable {
    let table = RouteTable(map, client: client)
    current = table
    return table
  }

  package func table(_ map: ClusterMap?) -> RouteTable? {
    guard let map else { return nil }
    return table(revision: map.revision) ?? renew(map)
  }
}

/// Reads the key out of the target of a request for `/kv/KEY`, where that is plain: everything that
/// has to be explained to the client is left to ``KeyTarget``.
struct KeyScanner: ~Copyable {
  private let scratch = UnsafeMutableRawBufferPointer.allocate(
    byteCount: KeyTarget.maximumKeyBytes, alignment: 1)

  deinit { scratch.deallocate() }

  /// Hands the key of a request without a query to `body`; nil for any other request, and for a key
  /// that is not plainly one. The bytes are valid within the call only.
  func withKey<Result>(
    of exchange: Exchange, _ body: (UnsafeRawBufferPointer) -> Result?
  ) -> Result? {
    guard KeyedRequest.isKeyPath(exchange) else { return nil }
    return exchange.withTarget { path, query in
      guard query.isEmpty else { return nil }
      let prefix = KeyedRequest.keyPrefix.utf8CodeUnitCount
      return withKey(in: UnsafeRawBufferPointer(rebasing: path[prefix...]), body)
    }
  }

  private func withKey<Result>(
    in path: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result?
  ) -> Result? {
    guard !path.isEmpty else { return nil }
    var isEncoded = false
    for byte in path {
      // Bytes beyond ASCII have to be checked to be UTF-8.
      guard byte < 0x80 else { return nil }
      if byte == UInt8(ascii: "%") { isEncoded = true }
    }
    if isEncoded { return decoded(path).flatMap(body) }
    return path.count <= KeyTarget.maximumKeyBytes ? body(path) : nil
  }

  /// Undoes percent-encoding (RFC 3986 section 2.1) of what stands for ASCII.
  private func decoded(_ path: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var count = 0
    var index = 0
    while index < path.count {
      var byte = path[index]
      index += 1
      if byte == UInt8(ascii: "%") {
        guard index + 1 < path.count, let high = KeyTarget.hexDigit(path[index]),
          let low = KeyTarget.hexDigit(path[index + 1])
        else { return nil }
        byte = high << 4 | low
        index += 2
      }
      guard byte < 0x80, count < scratch.count else { return nil }
      scratch[count] = byte
      count += 1
    }
    return UnsafeRawBufferPointer(rebasing: scratch[..<count])
  }
}
