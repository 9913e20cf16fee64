package import Cluster
import HTTPTransport
import Placement

extension ClusterMap {
  /// Tells clusters apart: 16 hexadecimal digits of the SHA-256 of the hash key, which each cluster
  /// draws for itself and which they do not tell.
  package var clusterID: String {
    String(SHA256.hexadecimal(SHA256.digest(ring.hashKey.bytes)).prefix(16))
  }
}
