/// Leases, one call at a time; ``EtcdLease`` holds one.
extension EtcdClient {
  /// Makes a lease of at least `seconds` and tells its identifier and its seconds.
  package func grantLease(
    seconds: Int64, _ completion: @escaping Completion<(id: Int64, seconds: Int64)>
  ) {
    var request = WireLeaseGrantRequest()
    request.ttl = seconds
    // A lease that was granted and not heard of goes by itself.
    channel.call("/etcdserverpb.Lease/LeaseGrant", request, isRepeatable: true) {
      (result: Result<WireLeaseGrantResponse, EtcdError>) in
      completion(
        result.flatMap { response in
          response.id != 0 && response.ttl > 0
            ? .success((response.id, response.ttl))
            : .failure(EtcdError(.refused, "etcd grants no lease: \(response.error)"))
        })
    }
  }

  /// Prolongs a lease and tells the seconds it has now; 0 when there is no such lease any more.
  package func keepAlive(_ lease: Int64, _ completion: @escaping Completion<Int64>) {
    var request = WireLeaseKeepAliveRequest()
    request.id = lease
    channel.call("/etcdserverpb.Lease/LeaseKeepAlive", request, isRepeatable: true) {
      (result: Result<WireLeaseKeepAliveResponse, EtcdError>) in
      completion(result.map { max($0.ttl, 0) })
    }
  }

  /// Ends a lease, and the keys that are bound to it. A lease that is gone is no error.
  package func revoke(_ lease: Int64, _ completion: @escaping Completion<Void>) {
    var request = WireLeaseRevokeRequest()
    request.id = lease
    channel.call("/etcdserverpb.Lease/LeaseRevoke", request, isRepeatable: true) {
      (result: Result<WireLeaseRevokeResponse, EtcdError>) in
      completion(
        result.map { _ in }.flatMapError { error in
          error.code == .refused ? .success(()) : .failure(error)
        })
    }
  }
}
