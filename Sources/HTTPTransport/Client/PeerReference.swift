/// A peer that was looked up once, for those who send to it often. The client keeps the peer's
/// state, though not its connections, as long as there is a reference to it.
package final class PeerReference {
  package let address: SocketAddress
  let peer: ClientPeer

  init(_ peer: ClientPeer) {
    self.peer = peer
    address = peer.address
    peer.pins += 1
  }

  deinit { peer.pins -= 1 }
}
