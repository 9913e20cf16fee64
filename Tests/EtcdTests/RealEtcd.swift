import OwnThread
import Testing

/// What runs real members of etcd, one suite after the other.
@Suite(.serialized, .onOwnThread) enum RealEtcd {}
